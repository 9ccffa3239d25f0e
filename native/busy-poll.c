/* When the loop stays awake, and for how long: see busy-poll.h. */
#include "busy-poll.h"

/* So many requests are timed together: one that takes long among them says little. */
#define BATCH 32
/* Of 2,000 requests a second and more. */
#define BATCH_NS_MAX ((uint64_t)BATCH * 500 * 1000)
/* A pause of this length ends it, whatever else goes on. */
#define PAUSE_NS_MAX ((uint64_t)10 * 1000 * 1000)

static uint64_t events_of(const struct busy_poll *poll) {
  uv_metrics_t metrics = {0};
  uv_metrics_info(poll->idle.loop, &metrics);
  return metrics.events;
}

/* Once in each turn of the loop, which does not wait for events meanwhile. */
static void on_turn(uv_idle_t *idle) {
  struct busy_poll *poll = (struct busy_poll *)idle;
  uint64_t now_ns = uv_hrtime();
  uint64_t events = events_of(poll);
  if (events != poll->events) {
    poll->events = events;
    poll->until_ns = now_ns + poll->limit_ns;
  }
  if (now_ns >= poll->until_ns || now_ns - poll->last_request_ns >= PAUSE_NS_MAX)
    uv_idle_stop(idle);
}

void busy_poll_init(struct busy_poll *poll, uv_loop_t *loop, uint64_t limit_ns) {
  uv_idle_init(loop, &poll->idle);
  poll->limit_ns = limit_ns;
  uv_unref((uv_handle_t *)&poll->idle);
}

void busy_poll_on_request(struct busy_poll *poll) {
  if (poll->limit_ns == 0)
    return;
  uint64_t now_ns = uv_hrtime();
  bool paused = now_ns - poll->last_request_ns >= PAUSE_NS_MAX;
  poll->last_request_ns = now_ns;
  if (paused || ++poll->batch_count == BATCH) {
    poll->wanted = !paused && now_ns - poll->batch_began_ns <= BATCH_NS_MAX;
    poll->batch_began_ns = now_ns;
    poll->batch_count = 0;
  }
  if (!poll->wanted) {
    uv_idle_stop(&poll->idle);
    return;
  }
  poll->until_ns = now_ns + poll->limit_ns;
  uv_idle_start(&poll->idle, on_turn);
}
