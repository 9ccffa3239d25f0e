/*
 * A channel: one FUSE descriptor watched by the event loop of its environment (channel.c), with the
 * calls that take requests from it and answer them (transfer.c).
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "busy-poll.h"

#include <node_api.h>
#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct iovec;
struct reply;

struct channel {
  struct environment *environment;
  struct channel *next;
  struct channel **link;
  int fd;
  bool open;
  /* libuv has reported an error and stopped watching; the callback knows. */
  bool hung_up;
  unsigned owners;
  uv_poll_t poll;
  struct busy_poll busy_poll;
  napi_ref wrapper;
  napi_ref on_readable;
  /* Those that data threads write. */
  struct reply *replies;
  /* From the first notification on; `answered` is initialised once `listening`, and keeps the loop
   * alive while `unanswered` is not zero. */
  struct notifier *notifier;
  bool listening;
  uv_async_t answered;
  size_t unanswered;
};

/* Reads the arguments of a method. Throws and returns NULL unless it is called on a channel. */
struct channel *channel_receiver(napi_env env, napi_callback_info info, size_t count,
                                 napi_value *arguments);

/* transfer.c */
/* One writev. The count, or -errno. */
ssize_t channel_write(int fd, const struct iovec *vector, int length);
napi_value channel_receive(napi_env env, napi_callback_info info);
napi_value channel_reply(napi_env env, napi_callback_info info);
napi_value channel_reply_range(napi_env env, napi_callback_info info);
napi_value channel_reply_vector(napi_env env, napi_callback_info info);

/* reply.c */
/* A promise of the result, if a data thread writes it; else NULL. `data` is what holds the bytes.
 */
napi_value reply_aside(struct channel *channel, const struct iovec *vector, int length,
                       napi_value data);
/* Those that are not written yet never will be. */
void recall_replies(struct channel *channel);

#endif
