/*
 * /dev/fuse and mount(2), as the calls are. What the options mean, which flags to give and what to
 * try when one of them fails is decided in TypeScript.
 */
#include "addon.h"
#include "arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

/* include/uapi/linux/fuse.h: kept here, since older headers lack it. */
#define FUSE_DEV_IOC_CLONE _IOR(229, 0, uint32_t)

/* mount(2) takes one page of options and cuts off the rest without a word. */
#define OPTIONS_BYTES_MAX 4095

static int open_fuse(void) {
  return open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

napi_value open_device(napi_env env, napi_callback_info info) {
  (void)info;
  return result_of(env, open_fuse());
}

napi_value clone_device(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int fd;
  if (!read_arguments(env, info, 1, arguments, NULL) || !read_descriptor(env, arguments[0], &fd))
    return NULL;
  int clone = open_fuse();
  if (clone < 0)
    return result_of(env, clone);
  uint32_t original = (uint32_t)fd;
  if (ioctl(clone, FUSE_DEV_IOC_CLONE, &original) == 0)
    return number_of(env, clone);
  int failure = errno;
  close(clone);
  return number_of(env, -failure);
}

napi_value mount_device(napi_env env, napi_callback_info info) {
  static const char *const names[3] = {"source", "target", "type"};
  napi_value arguments[5];
  char *texts[3] = {NULL, NULL, NULL};
  char *options = NULL;
  uint64_t flags;
  napi_value result = NULL;
  if (!read_arguments(env, info, 5, arguments, NULL))
    return NULL;
  for (int i = 0; i < 3; i++)
    if (!read_text(env, arguments[i], names[i], &texts[i]))
      goto done;
  if (!read_integer(env, arguments[3], "flags", UINT32_MAX, &flags) ||
      !read_text(env, arguments[4], "options", &options))
    goto done;
  if (strlen(options) > OPTIONS_BYTES_MAX)
    result = number_of(env, -E2BIG);
  else
    result = result_of(env, mount(texts[0], texts[1], texts[2], flags, options));
done:
  free(options);
  for (int i = 0; i < 3; i++)
    free(texts[i]);
  return result;
}

napi_value unmount_device(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  char *target;
  uint64_t flags;
  if (!read_arguments(env, info, 2, arguments, NULL) ||
      !read_integer(env, arguments[1], "flags", INT32_MAX, &flags) ||
      !read_text(env, arguments[0], "target", &target))
    return NULL;
  napi_value result = result_of(env, umount2(target, (int)flags));
  free(target);
  return result;
}

napi_value set_non_blocking(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int fd;
  bool wanted;
  if (!read_arguments(env, info, 2, arguments, NULL) || !read_descriptor(env, arguments[0], &fd) ||
      !read_boolean(env, arguments[1], "nonBlocking", &wanted))
    return NULL;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0)
    return result_of(env, flags);
  return result_of(env, fcntl(fd, F_SETFL, wanted ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

napi_value close_descriptor(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int fd;
  if (!read_arguments(env, info, 1, arguments, NULL) || !read_descriptor(env, arguments[0], &fd))
    return NULL;
  /* On Linux the descriptor is gone even when close(2) was interrupted. */
  int result = close(fd);
  return result < 0 && errno == EINTR ? number_of(env, 0) : result_of(env, result);
}
