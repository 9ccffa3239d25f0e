/*
 * A channel: one FUSE descriptor watched by the event loop of its environment (channel.c), with the
 * calls that take requests from it and answer them (transfer.c).
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "busy-poll.h"

#include <node_api.h>
#include <stdbool.h>
#include <uv.h>

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

napi_value channel_receive(napi_env env, napi_callback_info info);
napi_value channel_reply(napi_env env, napi_callback_info info);
napi_value channel_reply_range(napi_env env, napi_callback_info info);
napi_value channel_reply_vector(napi_env env, napi_callback_info info);

#endif
