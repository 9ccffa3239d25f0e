/*
 * Data threads: a few threads that move bytes, so that the thread of the event loop need not. They
 * receive bodies (wire-loan.c) and write large replies (reply.c). A piece of work has its memory
 * and its descriptor to itself from when it is submitted until its end is reported or it is
 * recalled.
 *
 *   loop ─ submit ─▶ QUEUED ─▶ RUNNING ─▶ RESTING ─ report ─▶ loop
 *             │                 ▲   │
 *             └──── WAITING ────┘   └─▶ WAITING ─── report ─▶ loop
 *               (for its descriptor)
 *
 * Everything here is called on the thread of the event loop, but for `run`.
 */
#ifndef DATA_THREADS_H
#define DATA_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data_threads;

enum work_outcome {
  WORK_IS_OVER,
  /* It is to be run again once its descriptor is ready for `events`; */
  WORK_WAITS,
  /* and there is something to report already. */
  WORK_WAITS_WITH_NEWS,
};

/* The first member of whatever is done. */
struct work {
  /* On a data thread. To return soon once `recalled`. */
  enum work_outcome (*run)(struct work *work);
  /* On the loop: there is news, or with `is_over` the work is the caller's again. May free it. */
  void (*report)(struct work *work, bool is_over);
  int fd;
  /* What to wait for, of epoll. */
  uint32_t events;
  atomic_bool recalled;

  /* The rest is of data-threads.c. */
  enum { RESTING, QUEUED, WAITING, RUNNING } state;
  bool is_reporting;
  /* Its end has not been reported; of the loop. */
  bool is_submitted;
  struct work *next;
  struct work *next_report;
};

/* Whether the threads are to have what so many bytes belong to. False where there are no threads.
 */
bool data_threads_want(const struct data_threads *threads, size_t byte_count);

/* Has `work` run now, or with `waits_first` once its descriptor is ready. */
void data_threads_submit(struct data_threads *threads, struct work *work, bool waits_first);

/* Takes back work that was submitted, waiting for its `run`. Nothing is reported of it any more. */
void data_threads_recall(struct data_threads *threads, struct work *work);

/*
 * A descriptor's event can reach a thread late. So work that waits for descriptors is never freed:
 * it is kept here, where the next one is taken from, until the threads end. NULL: there is none.
 */
void data_threads_keep(struct data_threads *threads, struct work *work);
struct work *data_threads_take_kept(struct data_threads *threads);

/* To be called before a descriptor is closed that work has waited for. */
void data_threads_forget(struct data_threads *threads, int fd);

#endif
