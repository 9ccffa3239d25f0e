/*
 * The notify thread of a channel. A notification can wait in the kernel for a READ of the same
 * inode that the serving thread has yet to answer, so that thread must never write one itself.
 *
 * Everything here is called on the thread of the event loop and none of it waits for the kernel.
 */
#ifndef NOTIFIER_H
#define NOTIFIER_H

#include "arguments.h"

#include <uv.h>

struct notifier;

/* One message on its way. Taken with its answer by notifier_take. */
struct notification {
  struct notification *next;
  napi_deferred deferred;
  int result;
  size_t length;
  uint8_t message[];
};

/*
 * Starts a thread that writes to a duplicate of `fd`, so that the caller may close his at any time,
 * and then wakes `answered`. 0 or -errno.
 */
int notifier_open(int fd, uv_async_t *answered, struct notifier **notifier);

/* Queues a copy of `message`. 0, -EAGAIN when the queue is full, or -ENOMEM. */
int notifier_send(struct notifier *notifier, struct bytes message, napi_deferred deferred);

/* Every notification answered since the last time, oldest first, now the caller's to free. */
struct notification *notifier_take(struct notifier *notifier);

/*
 * Ends the thread and returns what was not taken, as above; what was not written has -ECANCELED for
 * a result. When the thread is in the middle of a write, that notification's deferred is handed to
 * `interrupted` (else NULL), and the thread is left behind: it frees what it owns when the kernel
 * lets go of it.
 */
struct notification *notifier_close(struct notifier *notifier, napi_deferred *interrupted);

#endif
