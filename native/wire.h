/*
 * A wire: one connected socket watched by the event loop of its environment, plain or encrypted
 * (tls.h), read into and written from memory of JavaScript.
 */
#ifndef WIRE_H
#define WIRE_H

#include <node_api.h>
#include <stdbool.h>
#include <uv.h>

struct loan;
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
  /* What libuv watches for: nothing while a target is on loan. */
  int events;
  /* The wrapper in JavaScript, and the handle until libuv has closed it. */
  unsigned owners;
  uv_poll_t poll;
  napi_ref wrapper;
  napi_ref on_event;
  struct tls *tls;
  /* What a data thread receives into: meanwhile nobody else touches the socket and `tls`. */
  struct loan *loan;
};

/* Reads the arguments of a method. Throws and returns NULL unless it is called on a wire. */
struct wire *wire_receiver(napi_env env, napi_callback_info info, size_t count,
                           napi_value *arguments);

/* Watches for what is of interest now, and no longer for what is not. */
void wire_watch(struct wire *wire);

/* Calls JavaScript: something may be read or written, or `count` has to be told of a loan. */
void wire_call(struct wire *wire, const int64_t *count);

/* To be called when one of `owners` is gone: frees what nobody owns. */
void wire_disown(struct wire *wire);

/* wire-loan.c */
napi_value wire_lend(napi_env env, napi_callback_info info);
/* Takes it back, if there is one, before the wire is closed. */
void wire_recall(struct wire *wire);

/* wire-transfer.c */
napi_value wire_secure(napi_env env, napi_callback_info info);
napi_value wire_handshake(napi_env env, napi_callback_info info);
napi_value wire_read(napi_env env, napi_callback_info info);
napi_value wire_write(napi_env env, napi_callback_info info);
napi_value wire_is_drained(napi_env env, napi_callback_info info);
napi_value wire_queued(napi_env env, napi_callback_info info);
napi_value wire_failure(napi_env env, napi_callback_info info);

#endif
