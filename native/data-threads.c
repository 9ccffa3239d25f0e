/*
 * The data threads of an environment: see data-threads.h. Loop and threads share `struct
 * data_threads` and the state of all work under one mutex, which nobody holds while bytes move.
 *
 * A thread that has nothing to do waits in epoll: for the sockets of work that waits, each of which
 * wakes one thread and no other (EPOLLONESHOT), and for an alarm, which says that work is queued.
 */
#include "data-threads.h"
#include "addon.h"
#include "arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <uv.h>

#define THREADS_MAX 64
/* How many reports the loop hears before everything else has its turn. */
#define REPORTS_PER_TURN 64

struct queue {
  struct work *first;
  struct work **last;
};

struct data_threads {
  /* The first, so that its address is that of the whole. */
  uv_async_t reported;
  struct environment *environment;
  uv_mutex_t mutex;
  /* A recalled work is RUNNING no more. */
  uv_cond_t settled;
  int epoll;
  int alarm;
  struct queue queue;
  struct queue reports;
  /* How many threads wait in epoll, or are about to. */
  unsigned sleeping;
  bool ending;
  /* Of the loop: work whose end has not been reported, and work to be used again. */
  size_t unfinished;
  struct work *kept;
  size_t bytes_min;
  size_t count;
  uv_thread_t threads[THREADS_MAX];
};

/* The link of a list by which `work` has its successor there. */
static struct work **next_in(struct data_threads *threads, const struct queue *queue,
                             struct work *work) {
  return queue == &threads->queue ? &work->next : &work->next_report;
}

static void append(struct data_threads *threads, struct queue *queue, struct work *work) {
  struct work **next = next_in(threads, queue, work);
  *next = NULL;
  *queue->last = work;
  queue->last = next;
}

static void remove_from(struct data_threads *threads, struct queue *queue, struct work *work) {
  struct work **link = &queue->first;
  while (*link != work)
    link = next_in(threads, queue, *link);
  *link = *next_in(threads, queue, work);
  if (*link == NULL)
    queue->last = link;
}

static struct work *take_first(struct data_threads *threads, struct queue *queue) {
  struct work *first = queue->first;
  if (first != NULL)
    remove_from(threads, queue, first);
  return first;
}

/* Wakes one sleeping thread, if work is queued or all are to end. */
static void wake_one(struct data_threads *threads) {
  if (threads->sleeping > 0 && (threads->ending || threads->queue.first != NULL))
    eventfd_write(threads->alarm, 1);
}

static void enqueue(struct data_threads *threads, struct work *work) {
  work->state = QUEUED;
  append(threads, &threads->queue, work);
  wake_one(threads);
}

/* Waits for the descriptor. False when the kernel does not watch it. */
static bool watch(struct data_threads *threads, struct work *work) {
  struct epoll_event event = {.events = work->events | EPOLLONESHOT, .data.ptr = work};
  if (epoll_ctl(threads->epoll, EPOLL_CTL_MOD, work->fd, &event) < 0 &&
      (errno != ENOENT || epoll_ctl(threads->epoll, EPOLL_CTL_ADD, work->fd, &event) < 0))
    return false;
  work->state = WAITING;
  return true;
}

static void settle(struct data_threads *threads, struct work *work, enum work_outcome outcome) {
  if (atomic_load(&work->recalled)) {
    work->state = RESTING;
    uv_cond_signal(&threads->settled);
    return;
  }
  bool waits = outcome != WORK_IS_OVER && watch(threads, work);
  if (!waits)
    work->state = RESTING;
  if ((waits && outcome == WORK_WAITS) || work->is_reporting)
    return;
  work->is_reporting = true;
  if (threads->reports.first == NULL)
    uv_async_send(&threads->reported);
  append(threads, &threads->reports, work);
}

/* Work to be run, for which it waits; NULL at the end. The mutex is held, but not meanwhile. */
static struct work *await_work(struct data_threads *threads) {
  while (!threads->ending) {
    struct work *work = take_first(threads, &threads->queue);
    if (work != NULL)
      return work;
    struct epoll_event event;
    threads->sleeping++;
    uv_mutex_unlock(&threads->mutex);
    int count = epoll_wait(threads->epoll, &event, 1, -1);
    uv_mutex_lock(&threads->mutex);
    threads->sleeping--;
    work = count == 1 ? event.data.ptr : NULL;
    if (work != NULL && work->state == WAITING)
      return work;
  }
  return NULL;
}

static void run(void *argument) {
  struct data_threads *threads = argument;
  prctl(PR_SET_NAME, "data", 0, 0, 0);
  uv_mutex_lock(&threads->mutex);
  for (struct work *work; (work = await_work(threads)) != NULL;) {
    work->state = RUNNING;
    wake_one(threads);
    uv_mutex_unlock(&threads->mutex);
    enum work_outcome outcome = work->run(work);
    uv_mutex_lock(&threads->mutex);
    settle(threads, work, outcome);
  }
  wake_one(threads);
  uv_mutex_unlock(&threads->mutex);
}

/* What keeps the loop alive is work whose end is to be reported. */
static void finish(struct data_threads *threads, struct work *work) {
  work->is_submitted = false;
  if (--threads->unfinished == 0)
    uv_unref((uv_handle_t *)&threads->reported);
}

static void on_reported(uv_async_t *async) {
  struct data_threads *threads = (struct data_threads *)async;
  bool is_over = false;
  for (int turn = 0; !threads->ending; turn++) {
    uv_mutex_lock(&threads->mutex);
    if (turn == REPORTS_PER_TURN && threads->reports.first != NULL)
      uv_async_send(async);
    struct work *work = turn == REPORTS_PER_TURN ? NULL : take_first(threads, &threads->reports);
    if (work != NULL) {
      work->is_reporting = false;
      is_over = work->state == RESTING;
    }
    uv_mutex_unlock(&threads->mutex);
    if (work == NULL)
      return;
    if (is_over)
      finish(threads, work);
    work->report(work, is_over);
  }
}

bool data_threads_want(const struct data_threads *threads, size_t byte_count) {
  return threads != NULL && byte_count >= threads->bytes_min;
}

void data_threads_submit(struct data_threads *threads, struct work *work, bool waits_first) {
  work->is_submitted = true;
  if (threads->unfinished++ == 0)
    uv_ref((uv_handle_t *)&threads->reported);
  uv_mutex_lock(&threads->mutex);
  if (!waits_first || !watch(threads, work))
    enqueue(threads, work);
  uv_mutex_unlock(&threads->mutex);
}

void data_threads_recall(struct data_threads *threads, struct work *work) {
  uv_mutex_lock(&threads->mutex);
  if (work->state == QUEUED)
    remove_from(threads, &threads->queue, work);
  if (work->state == RUNNING) {
    atomic_store(&work->recalled, true);
    while (work->state == RUNNING)
      uv_cond_wait(&threads->settled, &threads->mutex);
    atomic_store(&work->recalled, false);
  }
  if (work->is_reporting)
    remove_from(threads, &threads->reports, work);
  work->is_reporting = false;
  work->state = RESTING;
  uv_mutex_unlock(&threads->mutex);
  if (work->is_submitted)
    finish(threads, work);
}

void data_threads_keep(struct data_threads *threads, struct work *work) {
  work->next = threads->kept;
  threads->kept = work;
}

struct work *data_threads_take_kept(struct data_threads *threads) {
  struct work *work = threads->kept;
  if (work != NULL)
    threads->kept = work->next;
  return work;
}

void data_threads_forget(struct data_threads *threads, int fd) {
  epoll_ctl(threads->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void on_closed(uv_handle_t *handle) {
  struct data_threads *threads = (struct data_threads *)handle;
  struct environment *environment = threads->environment;
  for (struct work *work; (work = data_threads_take_kept(threads)) != NULL;)
    free(work);
  uv_cond_destroy(&threads->settled);
  uv_mutex_destroy(&threads->mutex);
  close(threads->epoll);
  close(threads->alarm);
  free(threads);
  environment_handle_closed(environment);
}

void data_threads_end(struct environment *environment) {
  struct data_threads *threads = environment->data_threads;
  if (threads == NULL)
    return;
  environment->data_threads = NULL;
  uv_mutex_lock(&threads->mutex);
  threads->ending = true;
  wake_one(threads);
  uv_mutex_unlock(&threads->mutex);
  for (size_t i = 0; i < threads->count; i++)
    uv_thread_join(&threads->threads[i]);
  uv_close((uv_handle_t *)&threads->reported, on_closed);
}

/* Everything but the threads. NULL, with *result, on failure. */
static struct data_threads *make(struct environment *environment, int *result) {
  uv_loop_t *loop;
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  struct data_threads *threads = calloc(1, sizeof *threads);
  *result = -ENOMEM;
  if (threads == NULL || napi_get_uv_event_loop(environment->env, &loop) != napi_ok)
    goto no_memory;
  threads->environment = environment;
  threads->queue.last = &threads->queue.first;
  threads->reports.last = &threads->reports.first;
  if ((*result = uv_mutex_init(&threads->mutex)) < 0)
    goto no_memory;
  if ((*result = uv_cond_init(&threads->settled)) < 0)
    goto no_condition;
  threads->epoll = epoll_create1(EPOLL_CLOEXEC);
  threads->alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  *result = -errno;
  if (threads->epoll >= 0 && threads->alarm >= 0 &&
      epoll_ctl(threads->epoll, EPOLL_CTL_ADD, threads->alarm, &event) == 0) {
    *result = uv_async_init(loop, &threads->reported, on_reported);
    if (*result == 0)
      return threads;
  }
  if (threads->epoll >= 0)
    close(threads->epoll);
  if (threads->alarm >= 0)
    close(threads->alarm);
  uv_cond_destroy(&threads->settled);
no_condition:
  uv_mutex_destroy(&threads->mutex);
no_memory:
  free(threads);
  return NULL;
}

/* 0 or -errno. */
static int start(struct environment *environment, size_t count, size_t bytes_min) {
  int result;
  struct data_threads *threads = make(environment, &result);
  if (threads == NULL)
    return result;
  threads->bytes_min = bytes_min;
  uv_unref((uv_handle_t *)&threads->reported);
  environment->handles++;
  environment->data_threads = threads;
  while (result == 0 && threads->count < count) {
    result = uv_thread_create(&threads->threads[threads->count], run, threads);
    if (result == 0)
      threads->count++;
  }
  if (result < 0)
    data_threads_end(environment);
  return result;
}

napi_value set_data_threads(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint64_t count, bytes_min;
  struct environment *environment = environment_of(env);
  if (!read_arguments(env, info, 2, arguments, NULL) ||
      !read_integer(env, arguments[0], "count", THREADS_MAX, &count) ||
      !read_integer(env, arguments[1], "bytesMin", UINT32_MAX, &bytes_min))
    return NULL;
  if (environment->data_threads != NULL && environment->data_threads->unfinished > 0)
    return number_of(env, -EBUSY);
  data_threads_end(environment);
  return number_of(env, count == 0 ? 0 : start(environment, count, bytes_min));
}
