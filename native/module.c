/*
 * The module: what JavaScript sees of the addon, and how it leaves an environment (a thread's worth
 * of Node) when that ends: every channel and wire closed, every handle closed by libuv, then the
 * rest.
 */
#include "addon.h"

#include <stdlib.h>

struct environment *environment_of(napi_env env) {
  void *environment = NULL;
  napi_get_instance_data(env, &environment);
  return environment;
}

void environment_report_exception(struct environment *environment) {
  bool pending = false;
  napi_value error;
  if (napi_is_exception_pending(environment->env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(environment->env, &error) == napi_ok)
    napi_fatal_exception(environment->env, error);
}

static void leave_when_closed(struct environment *environment) {
  if (environment->ending && environment->handles == 0)
    napi_remove_async_cleanup_hook(environment->cleanup_hook);
}

void environment_handle_closed(struct environment *environment) {
  environment->handles--;
  leave_when_closed(environment);
}

static void on_environment_ends(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct environment *environment = data;
  napi_env env = environment->env;
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  close_every_channel(environment);
  close_every_wire(environment);
  data_threads_end(environment);
  napi_async_destroy(env, environment->async_context);
  napi_close_handle_scope(env, scope);
  environment->ending = true;
  leave_when_closed(environment);
}

/* Runs after the cleanup hook and after the finalizers of every channel. */
static void on_instance_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

static napi_status define_async_context(struct environment *environment) {
  napi_env env = environment->env;
  napi_value resource, name;
  napi_status status = napi_create_object(env, &resource);
  if (status == napi_ok)
    status = napi_create_string_utf8(env, "mount-s3-ts", NAPI_AUTO_LENGTH, &name);
  if (status == napi_ok)
    status = napi_create_reference(env, resource, 1, &environment->async_resource);
  return status == napi_ok ? napi_async_init(env, resource, name, &environment->async_context)
                           : status;
}

static napi_status define_functions(napi_env env, napi_value exports) {
  napi_value engine;
  napi_status status = napi_create_string_utf8(env, checksum_engine(), NAPI_AUTO_LENGTH, &engine);
  if (status != napi_ok)
    return status;
  const napi_property_descriptor properties[] = {
      {.utf8name = "openDevice", .method = open_device},
      {.utf8name = "cloneDevice", .method = clone_device},
      {.utf8name = "mount", .method = mount_device},
      {.utf8name = "unmount", .method = unmount_device},
      {.utf8name = "socketPair", .method = socket_pair},
      {.utf8name = "receiveDescriptor", .method = receive_descriptor},
      {.utf8name = "connectDatagram", .method = connect_datagram},
      {.utf8name = "sendDatagram", .method = send_datagram},
      {.utf8name = "reapOrphans", .method = reap_orphans},
      {.utf8name = "forbidCores", .method = forbid_cores},
      {.utf8name = "setNonBlocking", .method = set_non_blocking},
      {.utf8name = "closeDescriptor", .method = close_descriptor},
      {.utf8name = "openChannel", .method = open_channel},
      {.utf8name = "openWire", .method = open_wire},
      {.utf8name = "setDataThreads", .method = set_data_threads},
      {.utf8name = "openTlsContext", .method = open_tls_context},
      {.utf8name = "openSealed", .method = open_sealed},
      {.utf8name = "allocateHuge", .method = allocate_huge},
      {.utf8name = "discard", .method = discard},
      {.utf8name = "crc32c", .method = crc32c},
      {.utf8name = "crc32cPortable", .method = crc32c_portable},
      {.utf8name = "crc64nvme", .method = crc64nvme},
      {.utf8name = "crc64nvmePortable", .method = crc64nvme_portable},
      {.utf8name = "checksumEngine", .value = engine, .attributes = napi_enumerable},
  };
  return napi_define_properties(env, exports, sizeof properties / sizeof properties[0], properties);
}

static napi_status set_up(struct environment *environment, napi_value exports) {
  napi_status status = define_channel_class(environment);
  if (status == napi_ok)
    status = define_wire_class(environment);
  if (status == napi_ok)
    status = define_functions(environment->env, exports);
  if (status == napi_ok)
    status = define_async_context(environment);
  if (status == napi_ok)
    status = napi_add_async_cleanup_hook(environment->env, on_environment_ends, environment,
                                         &environment->cleanup_hook);
  return status;
}

NAPI_MODULE_INIT() {
  struct environment *environment = calloc(1, sizeof *environment);
  if (environment == NULL ||
      napi_set_instance_data(env, environment, on_instance_collected, NULL) != napi_ok) {
    free(environment);
    napi_throw_error(env, "ENOMEM", "cannot load the addon: out of memory");
    return NULL;
  }
  environment->env = env;
  prepare_checksums();
  if (set_up(environment, exports) != napi_ok)
    napi_throw_error(env, NULL, "cannot load the addon: Node refused one of its exports");
  return exports;
}
