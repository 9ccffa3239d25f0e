/*
 * The notify thread: see notifier.h. Thread and loop share `struct notifier` under its mutex; who
 * frees it is decided once, in notifier_close: the loop, after joining a thread that waits, or the
 * thread, if it is in a write that may last for ever.
 *
 * Threads and locks are libuv's, which node exports: those of pthread would tie the shared object
 * to the C library it was built with.
 */
#include "notifier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bounds of what one channel has in its queue; a stored page range is the largest message. */
#define QUEUED_MAX 4096
#define QUEUED_BYTES_MAX ((size_t)16 << 20)

struct queue {
  struct notification *first;
  struct notification **last;
};

struct notifier {
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t changed;
  int fd;
  uv_async_t *answered_signal;
  struct queue waiting;
  struct queue answered;
  size_t queued;
  size_t queued_bytes;
  /* What the thread is writing, with the mutex not held. */
  struct notification *current;
  bool closed;
};

static void append(struct queue *queue, struct notification *notification) {
  notification->next = NULL;
  *queue->last = notification;
  queue->last = &notification->next;
}

static struct notification *take_all(struct queue *queue) {
  struct notification *first = queue->first;
  *queue = (struct queue){.first = NULL, .last = &queue->first};
  return first;
}

static struct notification *take_first(struct queue *queue) {
  struct notification *first = queue->first;
  queue->first = first->next;
  if (queue->first == NULL)
    queue->last = &queue->first;
  return first;
}

static void destroy(struct notifier *notifier) {
  uv_cond_destroy(&notifier->changed);
  uv_mutex_destroy(&notifier->mutex);
  close(notifier->fd);
  free(notifier);
}

/* The kernel takes a notification whole or not at all. */
static int write_message(int fd, const struct notification *notification) {
  ssize_t count;
  do
    count = write(fd, notification->message, notification->length);
  while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : 0;
}

static void run(void *argument) {
  struct notifier *notifier = argument;
  uv_mutex_lock(&notifier->mutex);
  while (!notifier->closed) {
    if (notifier->waiting.first == NULL) {
      uv_cond_wait(&notifier->changed, &notifier->mutex);
      continue;
    }
    struct notification *current = take_first(&notifier->waiting);
    notifier->current = current;
    uv_mutex_unlock(&notifier->mutex);
    current->result = write_message(notifier->fd, current);
    uv_mutex_lock(&notifier->mutex);
    if (notifier->closed) {
      uv_mutex_unlock(&notifier->mutex);
      free(current);
      destroy(notifier);
      return;
    }
    notifier->current = NULL;
    append(&notifier->answered, current);
    uv_async_send(notifier->answered_signal);
  }
  uv_mutex_unlock(&notifier->mutex);
}

/* The parts that make a notifier, in an order in which each failure undoes what came before. */
static int start(struct notifier *notifier) {
  int result = uv_mutex_init(&notifier->mutex);
  if (result < 0)
    return result;
  result = uv_cond_init(&notifier->changed);
  if (result == 0) {
    result = uv_thread_create(&notifier->thread, run, notifier);
    if (result == 0)
      return 0;
    uv_cond_destroy(&notifier->changed);
  }
  uv_mutex_destroy(&notifier->mutex);
  return result;
}

int notifier_open(int fd, uv_async_t *answered, struct notifier **notifier) {
  struct notifier *opened = calloc(1, sizeof *opened);
  if (opened == NULL)
    return -ENOMEM;
  opened->answered_signal = answered;
  take_all(&opened->waiting);
  take_all(&opened->answered);
  opened->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  int result = opened->fd < 0 ? -errno : start(opened);
  if (result == 0) {
    *notifier = opened;
    return 0;
  }
  if (opened->fd >= 0)
    close(opened->fd);
  free(opened);
  return result;
}

int notifier_send(struct notifier *notifier, struct bytes message, napi_deferred deferred) {
  struct notification *notification = malloc(sizeof *notification + message.length);
  if (notification == NULL)
    return -ENOMEM;
  notification->deferred = deferred;
  notification->result = -ECANCELED;
  notification->length = message.length;
  if (message.length > 0)
    memcpy(notification->message, message.data, message.length);
  uv_mutex_lock(&notifier->mutex);
  bool full =
      notifier->queued >= QUEUED_MAX || notifier->queued_bytes + message.length > QUEUED_BYTES_MAX;
  if (!full) {
    notifier->queued++;
    notifier->queued_bytes += message.length;
    append(&notifier->waiting, notification);
    uv_cond_signal(&notifier->changed);
  }
  uv_mutex_unlock(&notifier->mutex);
  if (full)
    free(notification);
  return full ? -EAGAIN : 0;
}

struct notification *notifier_take(struct notifier *notifier) {
  uv_mutex_lock(&notifier->mutex);
  struct notification *answered = take_all(&notifier->answered);
  for (struct notification *each = answered; each != NULL; each = each->next) {
    notifier->queued--;
    notifier->queued_bytes -= each->length;
  }
  uv_mutex_unlock(&notifier->mutex);
  return answered;
}

struct notification *notifier_close(struct notifier *notifier, napi_deferred *interrupted) {
  uv_mutex_lock(&notifier->mutex);
  struct notification *unanswered = take_all(&notifier->answered);
  struct notification **end = &unanswered;
  while (*end != NULL)
    end = &(*end)->next;
  *end = take_all(&notifier->waiting);
  *interrupted = notifier->current == NULL ? NULL : notifier->current->deferred;
  notifier->closed = true;
  uv_cond_signal(&notifier->changed);
  uv_mutex_unlock(&notifier->mutex);
  /* A thread that is left behind is never joined; what that costs is its stack, until the process
   * ends. There is one for each channel that is closed while the kernel holds a notification. */
  if (*interrupted == NULL) {
    uv_thread_join(&notifier->thread);
    destroy(notifier);
  }
  return unanswered;
}
