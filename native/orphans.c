/*
 * The first process of a container inherits every process whose parent has ended, and the kernel
 * keeps each of those after its end until somebody waits for it. Node waits for its own children
 * only.
 */
#include "addon.h"
#include "arguments.h"

#include <string.h>
#include <sys/wait.h>

/* Whether `pids`, 32 bits each, has `pid`. */
static bool contains(struct bytes pids, pid_t pid) {
  int32_t each;
  for (size_t offset = 0; offset + sizeof each <= pids.length; offset += sizeof each) {
    memcpy(&each, pids.data + offset, sizeof each);
    if (each == pid)
      return true;
  }
  return false;
}

napi_value reap_orphans(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct bytes kept;
  if (!read_arguments(env, info, 1, arguments, NULL) ||
      !read_bytes(env, arguments[0], "kept", &kept))
    return NULL;
  int64_t reaped = 0;
  for (;;) {
    siginfo_t ended = {0};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0)
      break;
    /* Its parent, which is Node, is about to wait for it; the signal of that end is still to come.
     */
    if (contains(kept, ended.si_pid))
      break;
    if (waitpid(ended.si_pid, NULL, WNOHANG) == ended.si_pid)
      reaped++;
  }
  return number_of(env, reaped);
}
