/*
 * A TLS session over a non-blocking socket: see tls.h. OpenSSL reads and writes through a BIO of
 * ours, which takes many records from the kernel with one call and hands it many at once. OpenSSL
 * could read ahead by itself, but moves all that it has before it opens each record; and we could
 * not take over from it between two of them (tls-records.c).
 */
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* How often one call receives at most. A server could otherwise hold the thread with messages that
 * carry no data, such as new keys; what it sent more is there at the next event. */
#define RECEIVES_MAX 64

static const unsigned char ALPN[] = "\x08http/1.1";

static int retry(const struct openssl *ssl, BIO *bio, int direction) {
  ssl->BIO_set_flags(bio, BIO_FLAGS_SHOULD_RETRY | direction);
  return -1;
}

int tls_receive(struct tls *tls) {
  size_t kept = tls->input_end - tls->input_start;
  if (tls->drained || tls->receives_left == 0)
    return -EAGAIN;
  tls->receives_left--;
  memmove(tls->input, tls->input + tls->input_start, kept);
  tls->input_start = 0;
  tls->input_end = kept;
  ssize_t count;
  do
    count = recv(tls->fd, tls->input + kept, INPUT_BYTES - kept, 0);
  while (count < 0 && errno == EINTR);
  if (count < 0 && errno != EAGAIN)
    tls->input_error = errno;
  if (count < 0)
    return -errno;
  tls->eof = count == 0;
  tls->drained = count != 0 && (size_t)count < INPUT_BYTES - kept;
  tls->input_end += (size_t)count;
  return 0;
}

static int bio_read(BIO *bio, char *data, int length) {
  const struct openssl *ssl = openssl();
  struct tls *tls = ssl->BIO_get_data(bio);
  ssl->BIO_clear_flags(bio, BIO_FLAGS_SHOULD_RETRY | BIO_FLAGS_READ | BIO_FLAGS_WRITE);
  if (!tls->records.ours && tls->input_start == tls->input_end) {
    int result = tls_receive(tls);
    if (result < 0)
      return result == -EAGAIN ? retry(ssl, bio, BIO_FLAGS_READ) : -1;
  }
  size_t end = tls->records.ours ? tls->records.shown : tls->input_end;
  if (tls->records.ours && tls->input_start >= end)
    return retry(ssl, bio, BIO_FLAGS_READ);
  size_t count = end - tls->input_start;
  if (count > (size_t)length)
    count = (size_t)length;
  memcpy(data, tls->input + tls->input_start, count);
  tls->input_start += count;
  return (int)count;
}

static int bio_write(BIO *bio, const char *data, int length) {
  const struct openssl *ssl = openssl();
  struct tls *tls = ssl->BIO_get_data(bio);
  ssl->BIO_clear_flags(bio, BIO_FLAGS_SHOULD_RETRY | BIO_FLAGS_READ | BIO_FLAGS_WRITE);
  if (OUTPUT_BYTES - tls->output_end < (size_t)length) {
    int result = tls_flush(tls);
    if (result < 0 && result != -EAGAIN)
      return -1;
  }
  size_t count = OUTPUT_BYTES - tls->output_end;
  if (count > (size_t)length)
    count = (size_t)length;
  if (count == 0)
    return retry(ssl, bio, BIO_FLAGS_WRITE);
  memcpy(tls->output + tls->output_end, data, count);
  tls->output_end += count;
  return (int)count;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  (void)pointer;
  if (command == BIO_CTRL_EOF)
    return ((struct tls *)openssl()->BIO_get_data(bio))->eof;
  /* OpenSSL flushes after each flight, for which the end of every function here is soon enough. */
  return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method(const struct openssl *ssl) {
  BIO_METHOD *method = ssl->BIO_meth_new(BIO_TYPE_SOURCE_SINK, "mount-s3-ts");
  if (method == NULL)
    return NULL;
  ssl->BIO_meth_set_read(method, bio_read);
  ssl->BIO_meth_set_write(method, bio_write);
  ssl->BIO_meth_set_ctrl(method, bio_control);
  return method;
}

int tls_flush(struct tls *tls) {
  if (tls->output_error != 0)
    return -tls->output_error;
  while (tls->output_start < tls->output_end) {
    ssize_t count = send(tls->fd, tls->output + tls->output_start,
                         tls->output_end - tls->output_start, MSG_NOSIGNAL);
    if (count >= 0) {
      tls->output_start += (size_t)count;
    } else if (errno == EAGAIN) {
      /* What is left moves to the front, so that there is room for more. */
      memmove(tls->output, tls->output + tls->output_start, tls->output_end - tls->output_start);
      tls->output_end -= tls->output_start;
      tls->output_start = 0;
      return -EAGAIN;
    } else if (errno != EINTR) {
      tls->output_error = errno;
      return -errno;
    }
  }
  tls->output_start = tls->output_end = 0;
  return 0;
}

int tls_fail(struct tls *tls, int number, const char *what, const char *reason) {
  snprintf(tls->failure, sizeof tls->failure, "%s%s", what, reason == NULL ? "unknown" : reason);
  tls->failure_number = number;
  return number;
}

int tls_outcome(struct tls *tls, int result) {
  const struct openssl *ssl = tls->context->ssl;
  switch (ssl->SSL_get_error(tls->ssl, result)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE:
    return -EAGAIN;
  case SSL_ERROR_ZERO_RETURN:
    tls->ended = true;
    return 0;
  default:
    break;
  }
  if (tls->input_error != 0)
    return tls->failure_number = -tls->input_error;
  if (tls->output_error != 0)
    return -tls->output_error;
  if (tls->eof)
    return tls_fail(tls, -EPROTO, TLS_CUT_OFF, "");
  long verdict = ssl->SSL_get_verify_result(tls->ssl);
  if (verdict != X509_V_OK)
    return tls_fail(tls, -EPROTO, "the server's certificate is not accepted: ",
                    ssl->X509_verify_cert_error_string(verdict));
  return tls_fail(tls, -EPROTO,
                  "TLS failed: ", ssl->ERR_reason_error_string(ssl->ERR_peek_error()));
}

/* Begins a call of ours. */
static void begin(struct tls *tls) {
  tls->receives_left = RECEIVES_MAX;
  tls->context->ssl->ERR_clear_error();
}

/*
 * Ends a call of ours: sends what it left to send, and leaves no error for others to find. That
 * nothing can be sent any more is said when somebody wants to; an answer may have come before that.
 */
static ssize_t finish(struct tls *tls, ssize_t result) {
  tls_flush(tls);
  tls->context->ssl->ERR_clear_error();
  return result;
}

static bool is_address(const char *host) {
  struct in6_addr address;
  return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* Certificates must be for the very host; names are told to the server, addresses never (RFC 6066).
 */
static bool set_host(const struct openssl *ssl, SSL *session, const char *host) {
  if (is_address(host))
    return ssl->X509_VERIFY_PARAM_set1_ip_asc(ssl->SSL_get0_param(session), host) == 1;
  ssl->SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return ssl->SSL_set1_host(session, host) == 1 &&
         ssl->SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       (void *)host) == 1;
}

static void resume(struct tls *tls) {
  const struct openssl *ssl = tls->context->ssl;
  struct tls_context *context = tls->context;
  uv_mutex_lock(&context->mutex);
  const SSL_SESSION *known = context->session;
  bool is_resumable = known != NULL && ssl->SSL_SESSION_is_resumable(known);
  SSL_SESSION *copy = is_resumable ? ssl->SSL_SESSION_dup(known) : NULL;
  uv_mutex_unlock(&context->mutex);
  if (copy == NULL)
    return;
  ssl->SSL_set_session(tls->ssl, copy);
  ssl->SSL_SESSION_free(copy);
}

static bool set_up(struct tls *tls, const char *host) {
  const struct openssl *ssl = tls->context->ssl;
  BIO *bio = ssl->BIO_new(tls->context->method);
  if (bio == NULL)
    return false;
  ssl->BIO_set_data(bio, tls);
  ssl->BIO_set_init(bio, 1);
  ssl->SSL_set_bio(tls->ssl, bio, bio);
  ssl->SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, NULL);
  ssl->SSL_set_options(tls->ssl, SSL_OP_NO_RENEGOTIATION);
  ssl->SSL_ctrl(tls->ssl, SSL_CTRL_MODE,
                SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, NULL);
  ssl->SSL_set_connect_state(tls->ssl);
  resume(tls);
  return ssl->SSL_set_alpn_protos(tls->ssl, ALPN, sizeof ALPN - 1) == 0 &&
         set_host(ssl, tls->ssl, host);
}

struct tls *tls_open(struct tls_context *context, int fd, const char *host) {
  struct tls *tls = malloc(sizeof *tls);
  if (tls == NULL)
    return NULL;
  /* Not input and output, whose pages shall not be touched before they are needed. */
  memset(tls, 0, offsetof(struct tls, input));
  tls->context = context;
  tls->fd = fd;
  tls->ssl = context->ssl->SSL_new(context->ctx);
  bool ready = tls->ssl != NULL && set_up(tls, host);
  context->ssl->ERR_clear_error();
  context->owners++;
  if (ready)
    return tls;
  tls_close(tls);
  return NULL;
}

int tls_handshake(struct tls *tls) {
  const struct openssl *ssl = tls->context->ssl;
  if (tls->failure_number != 0 || tls->established)
    return tls->failure_number;
  begin(tls);
  int result = ssl->SSL_do_handshake(tls->ssl);
  if (result == 1) {
    tls->established = true;
    records_begin(tls);
    return (int)finish(tls, 0);
  }
  int reason = tls_outcome(tls, result);
  if (reason == 0)
    reason = tls_fail(tls, -EPROTO, "the server ended TLS during its handshake", "");
  return (int)finish(tls, reason);
}

/* Why nothing can be read or written yet, or any more; or 0. */
static int hindrance(const struct tls *tls) {
  return tls->failure_number != 0 || tls->established ? tls->failure_number : -ENOTCONN;
}

/* Reads records that OpenSSL opens. */
static ssize_t read_by_openssl(struct tls *tls, uint8_t *data, size_t length) {
  const struct openssl *ssl = tls->context->ssl;
  size_t total = 0;
  int reason = 0;
  while (total < length) {
    size_t count;
    int result = ssl->SSL_read_ex(tls->ssl, data + total, length - total, &count);
    if (result != 1) {
      reason = tls_outcome(tls, result);
      break;
    }
    total += count;
  }
  return total > 0 ? (ssize_t)total : reason;
}

ssize_t tls_read(struct tls *tls, uint8_t *data, size_t length) {
  int reason = hindrance(tls);
  if (reason != 0 || tls->ended)
    return reason;
  begin(tls);
  return finish(tls, tls->records.ours ? records_read(tls, data, length)
                                       : read_by_openssl(tls, data, length));
}

ssize_t tls_write(struct tls *tls, const uint8_t *data, size_t length, bool more) {
  const struct openssl *ssl = tls->context->ssl;
  size_t total = 0;
  int reason = hindrance(tls);
  if (reason != 0)
    return reason;
  begin(tls);
  while (total < length) {
    size_t count;
    /* Refused while a record is half sent, which the server's request is too late for. */
    if (tls->owes_key_update && ssl->SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
      tls->owes_key_update = false;
    int result = ssl->SSL_write_ex(tls->ssl, data + total, length - total, &count);
    if (result != 1) {
      reason = tls_outcome(tls, result);
      break;
    }
    total += count;
  }
  if (more && reason == 0)
    return (ssize_t)total;
  return finish(tls, total > 0 ? (ssize_t)total : reason);
}

bool tls_is_drained(struct tls *tls) {
  const struct openssl *ssl = tls->context->ssl;
  if (hindrance(tls) != 0 || tls->ended)
    return false;
  /* What there is may be no more than part of a record, or a session ticket. */
  begin(tls);
  if (tls->records.ours)
    return finish(tls, records_are_drained(tls));
  if (tls->input_start == tls->input_end && !ssl->SSL_has_pending(tls->ssl))
    return true;
  uint8_t byte;
  size_t count;
  int result = ssl->SSL_peek_ex(tls->ssl, &byte, 1, &count);
  return finish(tls, result == 1 ? 1 : tls_outcome(tls, result)) == -EAGAIN;
}

void tls_close(struct tls *tls) {
  const struct openssl *ssl = tls->context->ssl;
  if (tls->established && tls->failure_number == 0) {
    ssl->SSL_shutdown(tls->ssl);
    tls_flush(tls);
  }
  ssl->SSL_free(tls->ssl);
  traffic_wipe(&tls->traffic);
  ssl->ERR_clear_error();
  tls_context_disown(tls->context);
  free(tls);
}
