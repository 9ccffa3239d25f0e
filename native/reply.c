/*
 * Large replies, which a data thread writes: the kernel copies them, and meanwhile the loop does
 * something else. Each is one call, whole or not at all, and any thread may make it.
 */
#include "addon.h"
#include "arguments.h"
#include "channel.h"
#include "data-threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

struct reply {
  struct work work;
  struct channel *channel;
  struct reply *next;
  struct reply **link;
  napi_deferred deferred;
  /* What holds the data. */
  napi_ref data;
  ssize_t result;
  int length;
  /* The first is the header, which lies behind the last. */
  struct iovec vector[];
};

static enum work_outcome write_reply(struct work *work) {
  struct reply *reply = (struct reply *)work;
  reply->result = channel_write(work->fd, reply->vector, reply->length);
  return WORK_IS_OVER;
}

static void conclude(struct reply *reply) {
  napi_env env = reply->channel->environment->env;
  *reply->link = reply->next;
  if (reply->next != NULL)
    reply->next->link = reply->link;
  /* Fails while the environment ends, when there is nobody left to hear of it. */
  napi_resolve_deferred(env, reply->deferred, number_of(env, reply->result));
  napi_delete_reference(env, reply->data);
  free(reply);
}

static void on_written(struct work *work, bool is_over) {
  struct reply *reply = (struct reply *)work;
  struct environment *environment = reply->channel->environment;
  napi_env env = environment->env;
  napi_handle_scope scope;
  napi_callback_scope callbacks;
  napi_value resource;
  (void)is_over;
  napi_open_handle_scope(env, &scope);
  napi_get_reference_value(env, environment->async_resource, &resource);
  napi_open_callback_scope(env, resource, environment->async_context, &callbacks);
  conclude(reply);
  napi_close_callback_scope(env, callbacks);
  environment_report_exception(environment);
  napi_close_handle_scope(env, scope);
}

static struct reply *make_reply(struct channel *channel, const struct iovec *vector, int length) {
  size_t vector_bytes = (size_t)length * sizeof *vector;
  struct reply *reply = calloc(1, sizeof *reply + vector_bytes + vector[0].iov_len);
  if (reply == NULL)
    return NULL;
  reply->work.run = write_reply;
  reply->work.report = on_written;
  reply->work.fd = channel->fd;
  reply->channel = channel;
  /* Unless it is written. */
  reply->result = -EBADF;
  reply->length = length;
  memcpy(reply->vector, vector, vector_bytes);
  reply->vector[0].iov_base = (uint8_t *)reply->vector + vector_bytes;
  memcpy(reply->vector[0].iov_base, vector[0].iov_base, vector[0].iov_len);
  return reply;
}

napi_value reply_aside(struct channel *channel, const struct iovec *vector, int length,
                       napi_value data) {
  struct environment *environment = channel->environment;
  napi_env env = environment->env;
  napi_value promise;
  size_t byte_count = 0;
  for (int i = 1; i < length; i++)
    byte_count += vector[i].iov_len;
  if (!data_threads_want(environment->data_threads, byte_count))
    return NULL;
  struct reply *reply = make_reply(channel, vector, length);
  if (reply == NULL)
    return NULL;
  if (napi_create_reference(env, data, 1, &reply->data) != napi_ok) {
    free(reply);
    return NULL;
  }
  if (napi_create_promise(env, &reply->deferred, &promise) != napi_ok) {
    napi_delete_reference(env, reply->data);
    free(reply);
    return NULL;
  }
  reply->next = channel->replies;
  reply->link = &channel->replies;
  if (reply->next != NULL)
    reply->next->link = &reply->next;
  channel->replies = reply;
  data_threads_submit(environment->data_threads, &reply->work, false);
  return promise;
}

void recall_replies(struct channel *channel) {
  while (channel->replies != NULL) {
    data_threads_recall(channel->environment->data_threads, &channel->replies->work);
    conclude(channel->replies);
  }
}
