/*
 * What the handshake with fusermount3 needs: it opens and mounts /dev/fuse on behalf of a user who
 * may not, and passes the descriptor back over the socket that _FUSE_COMMFD names.
 */
#include "addon.h"
#include "arguments.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define TIMEOUT_MS_MAX (60 * 60 * 1000)

napi_value socket_pair(napi_env env, napi_callback_info info) {
  (void)info;
  int sockets[2];
  int result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets);
  if (result < 0)
    return result_of(env, result);
  napi_value pair = NULL;
  napi_create_array_with_length(env, 2, &pair);
  napi_set_element(env, pair, 0, number_of(env, sockets[0]));
  napi_set_element(env, pair, 1, number_of(env, sockets[1]));
  return pair;
}

/* Waits until there is something to read. 0 or -errno. */
static int await_readable(int socket, uint64_t timeout_ms) {
  uint64_t deadline = uv_hrtime() + timeout_ms * 1000000;
  for (;;) {
    uint64_t now = uv_hrtime();
    uint64_t left_ms = now < deadline ? (deadline - now + 999999) / 1000000 : 0;
    struct pollfd poller = {.fd = socket, .events = POLLIN};
    int ready = poll(&poller, 1, (int)left_ms);
    if (ready > 0)
      return 0;
    if (ready == 0)
      return -ETIMEDOUT;
    if (errno != EINTR)
      return -errno;
  }
}

static int take_descriptor(int socket) {
  char byte;
  struct iovec vector = {.iov_base = &byte, .iov_len = 1};
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  /* CMSG_LEN, not the size of `control`: its padding has room for a second descriptor, which would
   * come to stay. What does not fit, the kernel closes. */
  struct msghdr message = {.msg_iov = &vector,
                           .msg_iovlen = 1,
                           .msg_control = control.space,
                           .msg_controllen = CMSG_LEN(sizeof(int))};
  ssize_t count;
  do
    count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  if (count < 0)
    return -errno;
  if (count == 0)
    return -EPIPE;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int)))
    return -EPROTO;
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

napi_value receive_descriptor(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int socket;
  uint64_t timeout_ms;
  if (!read_arguments(env, info, 2, arguments, NULL) ||
      !read_descriptor(env, arguments[0], &socket) ||
      !read_integer(env, arguments[1], "timeoutMs", TIMEOUT_MS_MAX, &timeout_ms))
    return NULL;
  int result = await_readable(socket, timeout_ms);
  return number_of(env, result < 0 ? result : take_descriptor(socket));
}
