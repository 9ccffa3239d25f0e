/*
 * TLS for a wire, by Node's OpenSSL: a context is what the connections to one server share
 * (tls-context.c), a session encrypts one of them (tls.c).
 *
 *   target <─ SSL_read <── record by record from `input` <─ recv
 *   bytes ──▶ SSL_write ─▶ records, gathered in `output` ──▶ send
 */
#ifndef TLS_H
#define TLS_H

#include "openssl.h"

#include <node_api.h>
#include <stdbool.h>
#include <sys/types.h>

/* A record of the greatest size, with what encryption adds to it. */
#define RECORD_BYTES ((size_t)16384 + 256)
/* What one recv takes at most: it stays in the processor's second cache until it is decrypted. */
#define INPUT_BYTES (8 * RECORD_BYTES)
#define OUTPUT_BYTES (4 * RECORD_BYTES)

struct tls_context {
  const struct openssl *ssl;
  SSL_CTX *ctx;
  BIO_METHOD *method;
  /* The last one that the server offered for resumption, or NULL. */
  SSL_SESSION *session;
  /* The object in JavaScript, and the sessions. */
  unsigned owners;
};

struct tls {
  struct tls_context *context;
  SSL *ssl;
  int fd;
  bool established;
  /* The last recv took all there was: there is nothing more before the loop says so. */
  bool drained;
  /* How often the running call may yet receive. */
  unsigned receives_left;
  /* The server has closed the connection; whether it ended TLS before, the record layer knows. */
  bool eof;
  /* What ended it: close_notify came, or -errno. Nothing is read afterwards. */
  bool ended;
  int failure_number;
  char failure[160];
  /* The errno with which a recv or a send failed for good. */
  int input_error;
  int output_error;
  /* What was received and OpenSSL has not taken. */
  size_t input_start;
  size_t input_end;
  size_t output_start;
  size_t output_end;
  uint8_t input[INPUT_BYTES];
  uint8_t output[OUTPUT_BYTES];
};

/* tls-context.c */
/* Throws and returns NULL unless `value` is a context. */
struct tls_context *tls_context_of(napi_env env, napi_value value);
void tls_context_disown(struct tls_context *context);

/* tls.c. Results are as those of system calls: -errno, and -EPROTO when `failure` says what it was.
 */
BIO_METHOD *tls_bio_method(const struct openssl *ssl);
/* A session with `host`, a name or an address, whose certificate must be for it. NULL: no memory.
 */
struct tls *tls_open(struct tls_context *context, int fd, const char *host);
/* 0 when it is established, -EAGAIN while the server's part is missing. */
int tls_handshake(struct tls *tls);
/* Fills `data` as far as there is something now. 0: the server has ended the session. */
ssize_t tls_read(struct tls *tls, uint8_t *data, size_t length);
/* Takes bytes to send; with `more` it may keep them until others follow. */
ssize_t tls_write(struct tls *tls, const uint8_t *data, size_t length, bool more);
/* Sends what is left in `output`. 0, -EAGAIN or -errno. */
int tls_flush(struct tls *tls);
/* Whether no byte that has been received waits to be read. */
bool tls_is_drained(struct tls *tls);
/* Says goodbye if it can be said now, and frees everything. */
void tls_close(struct tls *tls);

#endif
