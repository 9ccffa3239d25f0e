/*
 * A client's end of a Unix socket, for the system log: Node has stream sockets only, and /dev/log
 * takes datagrams. Nothing here waits.
 */
#include "addon.h"
#include "arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A descriptor connected to `address`, or -errno. */
static int connect_to(const struct sockaddr_un *address) {
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
    return fd;
  int failure = errno;
  close(fd);
  return -failure;
}

napi_value connect_datagram(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char *path;
  if (!read_arguments(env, info, 1, arguments, NULL) ||
      !read_text(env, arguments[0], "path", &path))
    return NULL;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  int result = -ENAMETOOLONG;
  if (length < sizeof address.sun_path) {
    memcpy(address.sun_path, path, length);
    result = connect_to(&address);
  }
  free(path);
  return number_of(env, result);
}

napi_value send_datagram(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int fd;
  struct bytes message;
  if (!read_arguments(env, info, 2, arguments, NULL) || !read_descriptor(env, arguments[0], &fd) ||
      !read_bytes(env, arguments[1], "message", &message))
    return NULL;
  ssize_t sent;
  do
    sent = send(fd, message.data, message.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return result_of(env, sent);
}
