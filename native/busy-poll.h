/*
 * Busy polling: while requests of the kernel follow one another closely, the loop does not sleep
 * between them. To sleep and to be woken costs more there than what it waits for: the next request
 * of a program that reads here and there, or the answer of a server nearby (busy-poll.c).
 */
#ifndef BUSY_POLL_H
#define BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct busy_poll {
  /* The first, so that its address is that of the whole; its `data` is the owner's. */
  uv_idle_t idle;
  /* How long to look for events before sleeping; 0: not at all. */
  uint64_t limit_ns;
  uint64_t until_ns;
  /* Of the requests since the last decision. */
  uint64_t batch_began_ns;
  unsigned batch_count;
  /* What was decided: requests come close together. */
  bool wanted;
  uint64_t last_request_ns;
  uint64_t events;
};

/* Its handle, `idle`, is the caller's to close. */
void busy_poll_init(struct busy_poll *poll, uv_loop_t *loop, uint64_t limit_ns);

/* Requests have come. */
void busy_poll_on_request(struct busy_poll *poll);

#endif
