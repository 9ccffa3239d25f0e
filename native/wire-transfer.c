/* Bytes in, bytes out: the hot path of a wire. Nothing is kept of the buffers it is given. */
#include "arguments.h"
#include "tls.h"
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* After so many bytes at once others have their turn: the kernel's requests, above all. */
#define TURN_BYTES ((ssize_t)1 << 20)

napi_value wire_secure(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  char *host;
  struct wire *wire = wire_receiver(env, info, 2, arguments);
  if (wire == NULL)
    return NULL;
  struct tls_context *context = tls_context_of(env, arguments[0]);
  if (context == NULL || !read_text(env, arguments[1], "host", &host))
    return NULL;
  int result = wire->open ? 0 : -EBADF;
  if (result == 0 && wire->tls != NULL)
    result = -EALREADY;
  if (result == 0) {
    wire->tls = tls_open(context, wire->fd, host);
    if (wire->tls == NULL)
      result = -EINVAL;
  }
  free(host);
  return number_of(env, result);
}

napi_value wire_handshake(napi_env env, napi_callback_info info) {
  struct wire *wire = wire_receiver(env, info, 0, NULL);
  if (wire == NULL)
    return NULL;
  if (!wire->open || wire->tls == NULL)
    return number_of(env, -EBADF);
  int result = tls_handshake(wire->tls);
  wire_watch(wire);
  return number_of(env, result);
}

napi_value wire_read(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct bytes target;
  struct wire *wire = wire_receiver(env, info, 1, arguments);
  if (wire == NULL || !read_bytes(env, arguments[0], "target", &target))
    return NULL;
  if (target.length == 0) {
    napi_throw_range_error(env, NULL, "target must have room");
    return NULL;
  }
  if (!wire->open)
    return number_of(env, -EBADF);
  if (wire->loan != NULL)
    return number_of(env, -EBUSY);
  ssize_t count;
  if (wire->tls != NULL) {
    count = tls_read(wire->tls, target.data, target.length);
    wire_watch(wire);
    return number_of(env, count);
  }
  do
    count = recv(wire->fd, target.data, target.length, 0);
  while (count < 0 && errno == EINTR);
  return result_of(env, count);
}

static ssize_t write_plain(int fd, struct bytes bytes, bool more) {
  ssize_t count;
  do
    count = send(fd, bytes.data, bytes.length, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
  while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

napi_value wire_write(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct bytes bytes;
  bool more;
  struct wire *wire = wire_receiver(env, info, 2, arguments);
  if (wire == NULL || !read_bytes(env, arguments[0], "bytes", &bytes) ||
      !read_boolean(env, arguments[1], "more", &more))
    return NULL;
  if (!wire->open)
    return number_of(env, -EBADF);
  if (wire->loan != NULL)
    return number_of(env, -EBUSY);
  ssize_t count = wire->tls == NULL ? write_plain(wire->fd, bytes, more)
                                    : tls_write(wire->tls, bytes.data, bytes.length, more);
  wire->write_waits = count == -EAGAIN || (count >= 0 && (size_t)count < bytes.length) ||
                      (more && count >= TURN_BYTES);
  /* The next call tells whether what it keeps until then has to wait. */
  if (!more || wire->write_waits)
    wire_watch(wire);
  return number_of(env, count);
}

napi_value wire_is_drained(napi_env env, napi_callback_info info) {
  struct wire *wire = wire_receiver(env, info, 0, NULL);
  napi_value result;
  if (wire == NULL)
    return NULL;
  bool drained =
      wire->open && wire->loan == NULL && (wire->tls == NULL || tls_is_drained(wire->tls));
  wire_watch(wire);
  return napi_get_boolean(env, drained, &result) == napi_ok ? result : NULL;
}

napi_value wire_queued(napi_env env, napi_callback_info info) {
  struct wire *wire = wire_receiver(env, info, 0, NULL);
  int count;
  if (wire == NULL)
    return NULL;
  if (!wire->open)
    return number_of(env, -EBADF);
  /* Of a socket, what was sent and not acknowledged (tcp(7), where it is SIOCOUTQ). */
  return ioctl(wire->fd, TIOCOUTQ, &count) == 0 ? number_of(env, count) : result_of(env, -1);
}

napi_value wire_failure(napi_env env, napi_callback_info info) {
  struct wire *wire = wire_receiver(env, info, 0, NULL);
  napi_value text;
  if (wire == NULL)
    return NULL;
  const char *failure = wire->tls == NULL || wire->loan != NULL ? "" : wire->tls->failure;
  return napi_create_string_utf8(env, failure, NAPI_AUTO_LENGTH, &text) == napi_ok ? text : NULL;
}
