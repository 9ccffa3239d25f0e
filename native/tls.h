/*
 * TLS for a wire, by Node's OpenSSL: a context is what the connections to one server share
 * (tls-context.c), a session encrypts one of them (tls.c). Once the handshake is over, what comes
 * under TLS 1.3 and AES-GCM, which is nearly everything, is decrypted by us (tls-records.c).
 *
 *   target <─ records_read or SSL_read <─ record by record from `input` <─ recv
 *   bytes ──▶ SSL_write ────────────────▶ records, gathered in `output` ──▶ send
 */
#ifndef TLS_H
#define TLS_H

#include "gcm.h"
#include "openssl.h"

#include <node_api.h>
#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

/* A record of the greatest size, with what encryption adds to it. */
#define RECORD_BYTES ((size_t)16384 + 256)
/* The header of a record, what it seals at most (data and their type, RFC 8446 5.4), and its tag.
 */
#define HEADER_BYTES ((size_t)5)
#define INNER_BYTES_MAX ((size_t)16384 + 1)
#define TAG_BYTES GCM_TAG_BYTES
#define KEY_BYTES_MAX 32
#define SECRET_BYTES_MAX 48
/* What one recv takes at most: it stays in the processor's second cache until it is decrypted. */
#define INPUT_BYTES (8 * RECORD_BYTES)
#define OUTPUT_BYTES (4 * RECORD_BYTES)

struct tls_context {
  const struct openssl *ssl;
  SSL_CTX *ctx;
  BIO_METHOD *method;
  /* The last one that the server offered for resumption, or NULL. Data threads hear of them too. */
  SSL_SESSION *session;
  uv_mutex_t mutex;
  /* The object in JavaScript, and the sessions. */
  unsigned owners;
};

/* What the records of a server are opened with. */
struct traffic {
  struct gcm gcm;
  const EVP_MD *hash;
  size_t key_bytes;
  size_t secret_bytes;
  uint8_t secret[SECRET_BYTES_MAX];
  uint8_t iv[GCM_VECTOR_BYTES];
  /* The number of the next record under this key. */
  uint64_t sequence;
};

/* How far the records of a server have been read. */
struct records {
  /* They are opened here, and OpenSSL reads no more of `input` than what it is shown. */
  bool ours;
  /* OpenSSL has been shown every one, so that it can open the next. */
  bool in_step;
  /* As far as OpenSSL may read `input` now. */
  size_t shown;
  /* How many without data came last. */
  unsigned idle;
  /* A handshake message of which records end in the middle: its first bytes, or how many of the
   * others are still to be skipped. */
  uint8_t message[5];
  size_t message_bytes;
  size_t skipped;
  /* What of `spill` nobody has read. */
  size_t spill_start;
  size_t spill_end;
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
  /* The server wants new keys from us before we send more. */
  bool owes_key_update;
  struct traffic traffic;
  struct records records;
  /* What was received and nobody has taken. */
  size_t input_start;
  size_t input_end;
  size_t output_start;
  size_t output_end;
  uint8_t input[INPUT_BYTES];
  /* The data of one record for which there was not the room. */
  uint8_t spill[INNER_BYTES_MAX];
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
/* Whether anything is left in `output` that can be sent. */
static inline bool tls_has_output(const struct tls *tls) {
  return tls->output_end > 0 && tls->output_error == 0;
}
/* Whether no byte that has been received waits to be read. */
bool tls_is_drained(struct tls *tls);
/* Says goodbye if it can be said now, and frees everything. */
void tls_close(struct tls *tls);

/* For tls-records.c. */
#define TLS_CUT_OFF "the server closed the connection without ending TLS"
/* Receives more behind what is in `input`. 0, also at the end of what the server sends; or -errno.
 */
int tls_receive(struct tls *tls);
/* Ends the session with `number`, for which `what` and `reason` are the words. Returns it. */
int tls_fail(struct tls *tls, int number, const char *what, const char *reason);
/* What it means that OpenSSL returned `result`: 0 when TLS is over, or -errno. */
int tls_outcome(struct tls *tls, int result);

/* tls-records.c */
/* The handshake is over: opens what comes from here on, if that can be. */
void records_begin(struct tls *tls);
ssize_t records_read(struct tls *tls, uint8_t *data, size_t length);
bool records_are_drained(struct tls *tls);

/* tls-keys.c. False is failure, also that of memory. */
void tls_note_secret(const SSL *session, const char *line);
/* Makes keys of the secret that was noted, or forgets it. */
bool traffic_start(struct traffic *traffic, uint16_t suite);
/* To the keys that follow (RFC 8446 7.2). */
bool traffic_update(struct traffic *traffic);
/* Decrypts the `length` bytes that `record` seals behind its header to `content`, which nobody may
 * believe if this fails. */
bool traffic_open(struct traffic *traffic, const uint8_t *record, size_t length, uint8_t *content);
void traffic_wipe(struct traffic *traffic);

#endif
