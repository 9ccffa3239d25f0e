/*
 * A wire: one connected socket watched by the event loop of its environment, plain or encrypted
 * (tls.h), read into and written from memory of JavaScript.
 */
#ifndef WIRE_H
#define WIRE_H

#include <node_api.h>
#include <stdbool.h>
#include <uv.h>

struct tls;

struct wire {
  struct environment *environment;
  struct wire *next;
  struct wire **link;
  int fd;
  bool open;
  /* libuv has reported an error and stopped watching; the callback knows. */
  bool hung_up;
  /* Bytes of JavaScript wait until the kernel takes more. */
  bool write_waits;
  /* What libuv watches for. */
  int events;
  /* The wrapper in JavaScript, and the handle until libuv has closed it. */
  unsigned owners;
  uv_poll_t poll;
  napi_ref wrapper;
  napi_ref on_event;
  struct tls *tls;
};

/* Reads the arguments of a method. Throws and returns NULL unless it is called on a wire. */
struct wire *wire_receiver(napi_env env, napi_callback_info info, size_t count,
                           napi_value *arguments);

/* Watches for what is of interest now, and no longer for what is not. */
void wire_watch(struct wire *wire);

/* wire-transfer.c */
napi_value wire_secure(napi_env env, napi_callback_info info);
napi_value wire_handshake(napi_env env, napi_callback_info info);
napi_value wire_read(napi_env env, napi_callback_info info);
napi_value wire_write(napi_env env, napi_callback_info info);
napi_value wire_is_drained(napi_env env, napi_callback_info info);
napi_value wire_queued(napi_env env, napi_callback_info info);
napi_value wire_failure(napi_env env, napi_callback_info info);

#endif
