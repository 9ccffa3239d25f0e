/*
 * A target on loan: a data thread receives into it, and decrypts, until it is full, while the loop
 * does not watch the socket and touches neither it nor the session. How much has come is told as
 * soon as there is no more for now, so that a slow server's bytes are not held back.
 */
#include "addon.h"
#include "arguments.h"
#include "data-threads.h"
#include "tls.h"
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* After how many bytes a thread looks whether the loan was recalled. */
#define STEP_BYTES ((size_t)128 * 1024)

struct loan {
  struct work work;
  struct wire *wire;
  napi_ref target;
  struct tls *tls;
  uint8_t *data;
  size_t length;
  /* How many bytes are there, and of how many JavaScript knows. */
  atomic_size_t filled;
  size_t told;
  /* What ended it before it was full, 0 or -errno. */
  ssize_t result;
};

static ssize_t receive_plain(int fd, uint8_t *data, size_t length) {
  ssize_t count;
  do
    count = recv(fd, data, length, 0);
  while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

static enum work_outcome fill(struct work *work) {
  struct loan *loan = (struct loan *)work;
  struct tls *tls = loan->tls;
  size_t before = atomic_load(&loan->filled), filled = before;
  bool goes_on = true;
  if (tls != NULL)
    tls->drained = false;
  while (goes_on && filled < loan->length && !atomic_load(&work->recalled)) {
    size_t left = loan->length - filled, room = left < STEP_BYTES ? left : STEP_BYTES;
    ssize_t count = tls != NULL ? tls_read(tls, loan->data + filled, room)
                                : receive_plain(work->fd, loan->data + filled, room);
    /* Plain, less than there is room for is all there is. */
    goes_on = count > 0 && (tls != NULL || (size_t)count == room);
    if (count > 0) {
      filled += (size_t)count;
    } else if (count != -EAGAIN) {
      loan->result = count;
      atomic_store(&loan->filled, filled);
      return WORK_IS_OVER;
    }
  }
  atomic_store(&loan->filled, filled);
  work->events = EPOLLIN | (tls != NULL && tls_has_output(tls) ? EPOLLOUT : 0);
  if (filled == loan->length)
    return WORK_IS_OVER;
  return filled > before ? WORK_WAITS_WITH_NEWS : WORK_WAITS;
}

/* The loan is over: nobody writes into its target any more. */
static void end(struct loan *loan) {
  struct environment *environment = loan->wire->environment;
  loan->wire->loan = NULL;
  napi_delete_reference(environment->env, loan->target);
  data_threads_keep(environment->data_threads, &loan->work);
}

static void tell(struct work *work, bool is_over) {
  struct loan *loan = (struct loan *)work;
  struct wire *wire = loan->wire;
  size_t filled = atomic_load(&loan->filled);
  int64_t news = (int64_t)(filled - loan->told);
  bool is_cut = is_over && filled < loan->length;
  int64_t result = is_cut ? loan->result : 0;
  loan->told = filled;
  if (is_over)
    end(loan);
  wire->owners++;
  if (news > 0)
    wire_call(wire, &news);
  if (is_cut && wire->open)
    wire_call(wire, &result);
  wire_watch(wire);
  wire_disown(wire);
}

static struct loan *make_loan(struct data_threads *threads) {
  struct loan *loan = (struct loan *)data_threads_take_kept(threads);
  return loan != NULL ? loan : calloc(1, sizeof *loan);
}

static bool lend(struct wire *wire, napi_value target, struct bytes bytes) {
  struct environment *environment = wire->environment;
  struct data_threads *threads = environment->data_threads;
  struct loan *loan = make_loan(threads);
  if (loan == NULL)
    return false;
  if (napi_create_reference(environment->env, target, 1, &loan->target) != napi_ok) {
    data_threads_keep(threads, &loan->work);
    return false;
  }
  loan->work.run = fill;
  loan->work.report = tell;
  loan->work.fd = wire->fd;
  loan->work.events = EPOLLIN;
  loan->wire = wire;
  loan->tls = wire->tls;
  loan->data = bytes.data;
  loan->length = bytes.length;
  loan->told = 0;
  loan->result = -EAGAIN;
  atomic_store(&loan->filled, 0);
  wire->loan = loan;
  wire_watch(wire);
  /* A session may have bytes already for which no event will come. */
  data_threads_submit(threads, &loan->work, wire->tls == NULL);
  return true;
}

napi_value wire_lend(napi_env env, napi_callback_info info) {
  napi_value arguments[1], result;
  struct bytes target;
  struct wire *wire = wire_receiver(env, info, 1, arguments);
  if (wire == NULL || !read_bytes(env, arguments[0], "target", &target))
    return NULL;
  bool may_be = wire->open && wire->loan == NULL && !wire->hung_up && !wire->write_waits &&
                data_threads_want(wire->environment->data_threads, target.length);
  bool is_lent = may_be && lend(wire, arguments[0], target);
  return napi_get_boolean(env, is_lent, &result) == napi_ok ? result : NULL;
}

void wire_recall(struct wire *wire) {
  struct data_threads *threads = wire->environment->data_threads;
  if (threads == NULL)
    return;
  if (wire->loan != NULL) {
    data_threads_recall(threads, &wire->loan->work);
    end(wire->loan);
  }
  data_threads_forget(threads, wire->fd);
}
