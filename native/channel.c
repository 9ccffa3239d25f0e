/*
 * The life of a channel: watching, notifying, closing.
 *
 * Its memory belongs to the wrapper object in JavaScript and to the handles that libuv has not
 * closed yet, whoever goes last. While it is open a strong reference keeps the wrapper.
 */
#include "channel.h"
#include "addon.h"
#include "arguments.h"
#include "notifier.h"

#include <errno.h>
#include <stdlib.h>

/* A second: whoever wants more wants something else. */
#define BUSY_POLL_US_MAX 1000000

static void disown(struct channel *channel) {
  if (--channel->owners == 0)
    free(channel);
}

static void on_handle_closed(uv_handle_t *handle) {
  struct channel *channel = handle->data;
  struct environment *environment = channel->environment;
  disown(channel);
  environment_handle_closed(environment);
}

static void own_handle(struct channel *channel, uv_handle_t *handle) {
  handle->data = channel;
  channel->owners++;
  channel->environment->handles++;
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  disown(data);
}

static void resolve(napi_env env, napi_deferred deferred, int result) {
  /* Fails while the environment ends, when there is nobody left to hear of it. */
  napi_resolve_deferred(env, deferred, number_of(env, result));
}

static void resolve_all(struct channel *channel, struct notification *notification) {
  while (notification != NULL) {
    struct notification *next = notification->next;
    resolve(channel->environment->env, notification->deferred, notification->result);
    channel->unanswered--;
    free(notification);
    notification = next;
  }
}

static void close_watchers(struct channel *channel) {
  uv_close((uv_handle_t *)&channel->busy_poll.idle, on_handle_closed);
  uv_close((uv_handle_t *)&channel->poll, on_handle_closed);
}

static void close_channel(struct channel *channel) {
  napi_env env = channel->environment->env;
  if (!channel->open)
    return;
  channel->open = false;
  *channel->link = channel->next;
  if (channel->next != NULL)
    channel->next->link = channel->link;
  recall_replies(channel);
  if (channel->notifier != NULL) {
    napi_deferred interrupted;
    struct notification *unanswered = notifier_close(channel->notifier, &interrupted);
    channel->notifier = NULL;
    resolve_all(channel, unanswered);
    if (interrupted != NULL)
      resolve(env, interrupted, -ECANCELED);
  }
  if (channel->listening)
    uv_close((uv_handle_t *)&channel->answered, on_handle_closed);
  close_watchers(channel);
  napi_delete_reference(env, channel->on_readable);
  napi_delete_reference(env, channel->wrapper);
}

void close_every_channel(struct environment *environment) {
  while (environment->channels != NULL)
    close_channel(environment->channels);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)events;
  struct channel *channel = poll->data;
  struct environment *environment = channel->environment;
  napi_env env = environment->env;
  napi_handle_scope scope;
  napi_value wrapper, on_readable;
  if (status < 0)
    channel->hung_up = true;
  else
    busy_poll_on_request(&channel->busy_poll);
  napi_open_handle_scope(env, &scope);
  napi_get_reference_value(env, channel->wrapper, &wrapper);
  napi_get_reference_value(env, channel->on_readable, &on_readable);
  /* Runs the microtasks too, without which no promise that the callback settles would go on. */
  napi_make_callback(env, environment->async_context, wrapper, on_readable, 0, NULL, NULL);
  environment_report_exception(environment);
  napi_close_handle_scope(env, scope);
}

static void on_answered(uv_async_t *async) {
  struct channel *channel = async->data;
  struct environment *environment = channel->environment;
  napi_env env = environment->env;
  napi_handle_scope scope;
  napi_callback_scope callbacks;
  napi_value resource;
  napi_open_handle_scope(env, &scope);
  napi_get_reference_value(env, environment->async_resource, &resource);
  napi_open_callback_scope(env, resource, environment->async_context, &callbacks);
  resolve_all(channel, notifier_take(channel->notifier));
  if (channel->unanswered == 0)
    uv_unref((uv_handle_t *)async);
  /* Closing the scope runs what waited for the promises, which may close the channel. */
  napi_close_callback_scope(env, callbacks);
  environment_report_exception(environment);
  napi_close_handle_scope(env, scope);
}

static napi_value construct(napi_env env, napi_callback_info info) {
  napi_value receiver = NULL;
  napi_get_cb_info(env, info, NULL, NULL, &receiver, NULL);
  return receiver;
}

/* The wrapper and the two references to it and to the callback; undone by `close_channel`. */
static bool wrap(struct channel *channel, napi_value on_readable, napi_value *wrapper) {
  struct environment *environment = channel->environment;
  napi_env env = environment->env;
  napi_value class;
  if (napi_get_reference_value(env, environment->channel_class, &class) != napi_ok ||
      napi_new_instance(env, class, 0, NULL, wrapper) != napi_ok ||
      napi_create_reference(env, on_readable, 1, &channel->on_readable) != napi_ok)
    return false;
  if (napi_create_reference(env, *wrapper, 1, &channel->wrapper) == napi_ok) {
    channel->owners++;
    if (napi_wrap(env, *wrapper, channel, on_collected, NULL, NULL) == napi_ok)
      return true;
    channel->owners--;
    napi_delete_reference(env, channel->wrapper);
  }
  napi_delete_reference(env, channel->on_readable);
  return false;
}

static napi_value start_channel(struct environment *environment, int fd, napi_value on_readable,
                                uint64_t busy_poll_us) {
  napi_env env = environment->env;
  uv_loop_t *loop;
  napi_value wrapper;
  struct channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL || napi_get_uv_event_loop(env, &loop) != napi_ok) {
    free(channel);
    throw_errno(env, "cannot open a channel", ENOMEM);
    return NULL;
  }
  channel->environment = environment;
  channel->fd = fd;
  int result = uv_poll_init(loop, &channel->poll, fd);
  if (result < 0) {
    free(channel);
    throw_errno(env, "cannot watch the descriptor", -result);
    return NULL;
  }
  own_handle(channel, (uv_handle_t *)&channel->poll);
  busy_poll_init(&channel->busy_poll, loop, busy_poll_us * 1000);
  own_handle(channel, (uv_handle_t *)&channel->busy_poll.idle);
  if (!wrap(channel, on_readable, &wrapper)) {
    close_watchers(channel);
    return NULL;
  }
  channel->open = true;
  channel->next = environment->channels;
  channel->link = &environment->channels;
  if (channel->next != NULL)
    channel->next->link = &channel->next;
  environment->channels = channel;
  uv_poll_start(&channel->poll, UV_READABLE, on_poll);
  return wrapper;
}

napi_value open_channel(napi_env env, napi_callback_info info) {
  napi_value arguments[1], fd_value, on_readable, busy_poll_value;
  napi_valuetype type;
  uint64_t busy_poll_us = 0;
  int fd;
  if (!read_arguments(env, info, 1, arguments, NULL))
    return NULL;
  if (napi_typeof(env, arguments[0], &type) != napi_ok || type != napi_object) {
    napi_throw_type_error(env, NULL, "options must be an object");
    return NULL;
  }
  if (napi_get_named_property(env, arguments[0], "fd", &fd_value) != napi_ok ||
      napi_get_named_property(env, arguments[0], "onReadable", &on_readable) != napi_ok ||
      napi_get_named_property(env, arguments[0], "busyPollMicros", &busy_poll_value) != napi_ok ||
      !read_descriptor(env, fd_value, &fd))
    return NULL;
  if (napi_typeof(env, on_readable, &type) != napi_ok || type != napi_function) {
    napi_throw_type_error(env, NULL, "onReadable must be a function");
    return NULL;
  }
  if (napi_typeof(env, busy_poll_value, &type) == napi_ok && type != napi_undefined &&
      !read_integer(env, busy_poll_value, "busyPollMicros", BUSY_POLL_US_MAX, &busy_poll_us))
    return NULL;
  return start_channel(environment_of(env), fd, on_readable, busy_poll_us);
}

struct channel *channel_receiver(napi_env env, napi_callback_info info, size_t count,
                                 napi_value *arguments) {
  napi_value receiver;
  void *channel;
  if (!read_arguments(env, info, count, arguments, &receiver))
    return NULL;
  if (napi_unwrap(env, receiver, &channel) == napi_ok)
    return channel;
  napi_throw_type_error(env, NULL, "a channel comes from openChannel");
  return NULL;
}

/* Makes sure that the notify thread runs. 0 or -errno. */
static int open_notifier(struct channel *channel) {
  if (channel->notifier != NULL)
    return 0;
  if (!channel->listening) {
    int result = uv_async_init(channel->poll.loop, &channel->answered, on_answered);
    if (result < 0)
      return result;
    own_handle(channel, (uv_handle_t *)&channel->answered);
    uv_unref((uv_handle_t *)&channel->answered);
    channel->listening = true;
  }
  return notifier_open(channel->fd, &channel->answered, &channel->notifier);
}

static napi_value notify(napi_env env, napi_callback_info info) {
  napi_value arguments[1], promise;
  struct bytes message;
  napi_deferred deferred;
  struct channel *channel = channel_receiver(env, info, 1, arguments);
  if (channel == NULL || !read_bytes(env, arguments[0], "message", &message) ||
      napi_create_promise(env, &deferred, &promise) != napi_ok)
    return NULL;
  int result = channel->open ? open_notifier(channel) : -EBADF;
  if (result == 0)
    result = notifier_send(channel->notifier, message, deferred);
  if (result < 0) {
    resolve(env, deferred, result);
  } else {
    channel->unanswered++;
    uv_ref((uv_handle_t *)&channel->answered);
  }
  return promise;
}

static napi_value stop_watching(napi_env env, napi_callback_info info) {
  struct channel *channel = channel_receiver(env, info, 0, NULL);
  if (channel != NULL && channel->open)
    uv_poll_stop(&channel->poll);
  return NULL;
}

static napi_value watch_again(napi_env env, napi_callback_info info) {
  struct channel *channel = channel_receiver(env, info, 0, NULL);
  /* Once it hung up there is nothing to wait for: epoll would report the same over and over. */
  if (channel != NULL && channel->open && !channel->hung_up)
    uv_poll_start(&channel->poll, UV_READABLE, on_poll);
  return NULL;
}

static napi_value close_from_javascript(napi_env env, napi_callback_info info) {
  struct channel *channel = channel_receiver(env, info, 0, NULL);
  if (channel != NULL)
    close_channel(channel);
  return NULL;
}

napi_status define_channel_class(struct environment *environment) {
  static const napi_property_descriptor methods[] = {
      {.utf8name = "receive", .method = channel_receive},
      {.utf8name = "reply", .method = channel_reply},
      {.utf8name = "replyRange", .method = channel_reply_range},
      {.utf8name = "replyVector", .method = channel_reply_vector},
      {.utf8name = "notify", .method = notify},
      {.utf8name = "pause", .method = stop_watching},
      {.utf8name = "resume", .method = watch_again},
      {.utf8name = "close", .method = close_from_javascript},
  };
  napi_env env = environment->env;
  napi_value class;
  napi_status status = napi_define_class(env, "Channel", NAPI_AUTO_LENGTH, construct, NULL,
                                         sizeof methods / sizeof methods[0], methods, &class);
  return status == napi_ok ? napi_create_reference(env, class, 1, &environment->channel_class)
                           : status;
}
