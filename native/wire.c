/*
 * The life of a wire: watching and closing. As with a channel, its memory belongs to the wrapper
 * object in JavaScript and to the handle that libuv has not closed yet, whoever goes last, and
 * while it is open a strong reference keeps the wrapper. The descriptor is the wire's own.
 */
#include "wire.h"
#include "addon.h"
#include "arguments.h"
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void wire_disown(struct wire *wire) {
  if (--wire->owners == 0)
    free(wire);
}

static void on_handle_closed(uv_handle_t *handle) {
  struct wire *wire = handle->data;
  struct environment *environment = wire->environment;
  wire_disown(wire);
  environment_handle_closed(environment);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  wire_disown(data);
}

/* libuv has let go of the descriptor when uv_close returns, and of the handle later. */
static void end_watching(struct wire *wire) {
  uv_close((uv_handle_t *)&wire->poll, on_handle_closed);
  close(wire->fd);
}

static void close_wire(struct wire *wire) {
  napi_env env = wire->environment->env;
  if (!wire->open)
    return;
  wire->open = false;
  *wire->link = wire->next;
  if (wire->next != NULL)
    wire->next->link = wire->link;
  wire_recall(wire);
  if (wire->tls != NULL)
    tls_close(wire->tls);
  wire->tls = NULL;
  end_watching(wire);
  napi_delete_reference(env, wire->on_event);
  napi_delete_reference(env, wire->wrapper);
}

void close_every_wire(struct environment *environment) {
  while (environment->wires != NULL)
    close_wire(environment->wires);
}

void wire_call(struct wire *wire, const int64_t *count) {
  struct environment *environment = wire->environment;
  napi_env env = environment->env;
  napi_handle_scope scope;
  napi_value wrapper, on_event, arguments[2];
  napi_open_handle_scope(env, &scope);
  napi_get_reference_value(env, wire->wrapper, &wrapper);
  napi_get_reference_value(env, wire->on_event, &on_event);
  napi_get_boolean(env, wire->hung_up, &arguments[0]);
  if (count != NULL)
    arguments[1] = number_of(env, *count);
  napi_make_callback(env, environment->async_context, wrapper, on_event, count == NULL ? 1 : 2,
                     arguments, NULL);
  environment_report_exception(environment);
  napi_close_handle_scope(env, scope);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct wire *wire = poll->data;
  if (status < 0)
    wire->hung_up = true;
  if (wire->tls != NULL)
    wire->tls->drained = false;
  if (events & UV_WRITABLE) {
    wire->write_waits = false;
    if (wire->tls != NULL)
      tls_flush(wire->tls);
  }
  wire_call(wire, NULL);
  /* Not before: what is written in turns is of interest all the time, which costs no system call.
   */
  wire_watch(wire);
}

void wire_watch(struct wire *wire) {
  bool writes =
      wire->loan == NULL && (wire->write_waits || (wire->tls != NULL && tls_has_output(wire->tls)));
  int events = wire->loan != NULL ? 0 : UV_READABLE | (writes ? UV_WRITABLE : 0);
  /* Once it hung up there is nothing to wait for: epoll would report the same over and over. */
  if (!wire->open || wire->hung_up || events == wire->events)
    return;
  wire->events = events;
  if (events == 0)
    uv_poll_stop(&wire->poll);
  else
    uv_poll_start(&wire->poll, events, on_poll);
}

static napi_value construct(napi_env env, napi_callback_info info) {
  napi_value receiver = NULL;
  napi_get_cb_info(env, info, NULL, NULL, &receiver, NULL);
  return receiver;
}

/* The wrapper and the two references to it and to the callback; undone by `close_wire`. */
static bool wrap(struct wire *wire, napi_value on_event, napi_value *wrapper) {
  struct environment *environment = wire->environment;
  napi_env env = environment->env;
  napi_value class;
  if (napi_get_reference_value(env, environment->wire_class, &class) != napi_ok ||
      napi_new_instance(env, class, 0, NULL, wrapper) != napi_ok ||
      napi_create_reference(env, on_event, 1, &wire->on_event) != napi_ok)
    return false;
  if (napi_create_reference(env, *wrapper, 1, &wire->wrapper) == napi_ok) {
    wire->owners++;
    if (napi_wrap(env, *wrapper, wire, on_collected, NULL, NULL) == napi_ok)
      return true;
    wire->owners--;
    napi_delete_reference(env, wire->wrapper);
  }
  napi_delete_reference(env, wire->on_event);
  return false;
}

/* A handle on a descriptor of its own, which is closed with it. NULL, with *result, on failure. */
static struct wire *watch_duplicate(struct environment *environment, int fd, int *result) {
  uv_loop_t *loop;
  struct wire *wire = calloc(1, sizeof *wire);
  if (wire == NULL || napi_get_uv_event_loop(environment->env, &loop) != napi_ok) {
    free(wire);
    *result = -ENOMEM;
    return NULL;
  }
  wire->environment = environment;
  wire->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  *result = wire->fd < 0 ? -errno : uv_poll_init(loop, &wire->poll, wire->fd);
  if (*result < 0) {
    if (wire->fd >= 0)
      close(wire->fd);
    free(wire);
    return NULL;
  }
  wire->poll.data = wire;
  wire->owners = 1;
  environment->handles++;
  return wire;
}

static napi_value start_wire(struct environment *environment, int fd, napi_value on_event) {
  napi_value wrapper;
  int result;
  struct wire *wire = watch_duplicate(environment, fd, &result);
  if (wire == NULL) {
    throw_errno(environment->env, "cannot watch the socket", -result);
    return NULL;
  }
  if (!wrap(wire, on_event, &wrapper)) {
    end_watching(wire);
    return NULL;
  }
  wire->open = true;
  wire->next = environment->wires;
  wire->link = &environment->wires;
  if (wire->next != NULL)
    wire->next->link = &wire->next;
  environment->wires = wire;
  wire_watch(wire);
  return wrapper;
}

napi_value open_wire(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  napi_valuetype type;
  int fd;
  if (!read_arguments(env, info, 2, arguments, NULL) || !read_descriptor(env, arguments[0], &fd))
    return NULL;
  if (napi_typeof(env, arguments[1], &type) != napi_ok || type != napi_function) {
    napi_throw_type_error(env, NULL, "onEvent must be a function");
    return NULL;
  }
  return start_wire(environment_of(env), fd, arguments[1]);
}

struct wire *wire_receiver(napi_env env, napi_callback_info info, size_t count,
                           napi_value *arguments) {
  napi_value receiver;
  void *wire;
  if (!read_arguments(env, info, count, arguments, &receiver))
    return NULL;
  if (napi_unwrap(env, receiver, &wire) == napi_ok)
    return wire;
  napi_throw_type_error(env, NULL, "a wire comes from openWire");
  return NULL;
}

static napi_value keep_loop_alive(napi_env env, napi_callback_info info) {
  struct wire *wire = wire_receiver(env, info, 0, NULL);
  if (wire != NULL && wire->open)
    uv_ref((uv_handle_t *)&wire->poll);
  return NULL;
}

static napi_value let_loop_end(napi_env env, napi_callback_info info) {
  struct wire *wire = wire_receiver(env, info, 0, NULL);
  if (wire != NULL && wire->open)
    uv_unref((uv_handle_t *)&wire->poll);
  return NULL;
}

static napi_value close_from_javascript(napi_env env, napi_callback_info info) {
  struct wire *wire = wire_receiver(env, info, 0, NULL);
  if (wire != NULL)
    close_wire(wire);
  return NULL;
}

napi_status define_wire_class(struct environment *environment) {
  static const napi_property_descriptor methods[] = {
      {.utf8name = "secure", .method = wire_secure},
      {.utf8name = "handshake", .method = wire_handshake},
      {.utf8name = "read", .method = wire_read},
      {.utf8name = "lend", .method = wire_lend},
      {.utf8name = "write", .method = wire_write},
      {.utf8name = "isDrained", .method = wire_is_drained},
      {.utf8name = "queued", .method = wire_queued},
      {.utf8name = "failure", .method = wire_failure},
      {.utf8name = "ref", .method = keep_loop_alive},
      {.utf8name = "unref", .method = let_loop_end},
      {.utf8name = "close", .method = close_from_javascript},
  };
  napi_env env = environment->env;
  napi_value class;
  napi_status status = napi_define_class(env, "Wire", NAPI_AUTO_LENGTH, construct, NULL,
                                         sizeof methods / sizeof methods[0], methods, &class);
  return status == napi_ok ? napi_create_reference(env, class, 1, &environment->wire_class)
                           : status;
}
