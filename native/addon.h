/*
 * The files of the addon and what they tell each other. src/native/addon.ts is the contract that
 * the bindings declared here implement, and says what each of them does.
 *
 * Node may load the addon in several threads at once, each with an environment of its own, so that
 * nothing here is global but tables that never change once they are built.
 */
#ifndef ADDON_H
#define ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

struct channel;
struct data_threads;
struct wire;

/* What one environment holds, from when it loads the addon to when it ends. */
struct environment {
  napi_env env;
  napi_ref channel_class;
  napi_ref wire_class;
  /* In whose name the loop calls JavaScript, and the object that async hooks know it by. */
  napi_async_context async_context;
  napi_ref async_resource;
  /* What is open; what is closed may still have handles that libuv is closing. */
  struct channel *channels;
  struct wire *wires;
  /* NULL: there are none. */
  struct data_threads *data_threads;
  size_t handles;
  /* Removed once the environment ends and the last handle is closed: only then may the loop go. */
  napi_async_cleanup_hook_handle cleanup_hook;
  bool ending;
};

struct environment *environment_of(napi_env env);

/* libuv has closed one of `handles`. */
void environment_handle_closed(struct environment *environment);

/* JavaScript that the loop called has thrown: let it be an uncaught exception, as elsewhere. */
void environment_report_exception(struct environment *environment);

/* device.c */
napi_value open_device(napi_env env, napi_callback_info info);
napi_value clone_device(napi_env env, napi_callback_info info);
napi_value mount_device(napi_env env, napi_callback_info info);
napi_value unmount_device(napi_env env, napi_callback_info info);
napi_value set_non_blocking(napi_env env, napi_callback_info info);
napi_value close_descriptor(napi_env env, napi_callback_info info);

/* handshake.c */
napi_value socket_pair(napi_env env, napi_callback_info info);
napi_value receive_descriptor(napi_env env, napi_callback_info info);

/* orphans.c */
napi_value reap_orphans(napi_env env, napi_callback_info info);

/* limits.c */
napi_value forbid_cores(napi_env env, napi_callback_info info);

/* datagram.c */
napi_value connect_datagram(napi_env env, napi_callback_info info);
napi_value send_datagram(napi_env env, napi_callback_info info);

/* channel.c */
napi_status define_channel_class(struct environment *environment);
napi_value open_channel(napi_env env, napi_callback_info info);
void close_every_channel(struct environment *environment);

/* wire.c */
napi_status define_wire_class(struct environment *environment);
napi_value open_wire(napi_env env, napi_callback_info info);
void close_every_wire(struct environment *environment);

/* tls-context.c */
napi_value open_tls_context(napi_env env, napi_callback_info info);

/* data-threads.c */
napi_value set_data_threads(napi_env env, napi_callback_info info);
void data_threads_end(struct environment *environment);

/* gcm.c */
napi_value open_sealed(napi_env env, napi_callback_info info);

/* huge-pages.c */
napi_value allocate_huge(napi_env env, napi_callback_info info);
napi_value discard(napi_env env, napi_callback_info info);

/* checksums.c */
void prepare_checksums(void);
const char *checksum_engine(void);
napi_value crc32c(napi_env env, napi_callback_info info);
napi_value crc32c_portable(napi_env env, napi_callback_info info);
napi_value crc64nvme(napi_env env, napi_callback_info info);
napi_value crc64nvme_portable(napi_env env, napi_callback_info info);

#endif
