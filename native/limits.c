/*
 * Limits of the process, setrlimit(2), which Node does not offer.
 */
#include "addon.h"
#include "arguments.h"

#include <errno.h>
#include <sys/resource.h>

napi_value forbid_cores(napi_env env, napi_callback_info info) {
  (void)info;
  struct rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) != 0)
    return number_of(env, -errno);
  limit.rlim_cur = 0;
  return number_of(env, setrlimit(RLIMIT_CORE, &limit) == 0 ? 0 : -errno);
}
