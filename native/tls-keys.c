/*
 * The keys under which the server sends, and the opening of what it has sealed with them: RFC 8446,
 * sections 5.2, 5.3, 7.1 and 7.3. OpenSSL tells the secret that they are made of to whoever wants
 * to log it, which is the one way to learn it; it is kept here and nowhere else.
 */
#include "tls.h"

#include <string.h>

#define LABEL "SERVER_TRAFFIC_SECRET_0 "

/* The value of a hexadecimal digit, or -1. */
static int digit_of(char text) {
  if (text >= '0' && text <= '9')
    return text - '0';
  if (text >= 'a' && text <= 'f')
    return text - 'a' + 10;
  return text >= 'A' && text <= 'F' ? text - 'A' + 10 : -1;
}

/* Called with each secret of a handshake, as a line "label random secret". */
void tls_note_secret(const SSL *session, const char *line) {
  const struct openssl *ssl = openssl();
  struct tls *tls = ssl->BIO_get_data(ssl->SSL_get_rbio(session));
  struct traffic *traffic = &tls->traffic;
  if (strncmp(line, LABEL, sizeof LABEL - 1) != 0)
    return;
  const char *text = strrchr(line, ' ') + 1;
  traffic->secret_bytes = 0;
  for (size_t i = 0; i < sizeof traffic->secret && text[2 * i] != '\0'; i++) {
    int high = digit_of(text[2 * i]), low = high < 0 ? -1 : digit_of(text[2 * i + 1]);
    if (low < 0)
      return;
    traffic->secret[i] = (uint8_t)(high << 4 | low);
    traffic->secret_bytes = i + 1;
  }
}

/* HKDF-Expand-Label with no context, of at most one block of the hash. */
static bool expand(const struct openssl *ssl, const struct traffic *traffic, const char *label,
                   uint8_t *result, size_t length) {
  uint8_t info[32] = {0, (uint8_t)length}, block[SECRET_BYTES_MAX];
  size_t label_bytes = strlen(label), end = 3 + label_bytes;
  info[2] = (uint8_t)label_bytes;
  memcpy(info + 3, label, label_bytes);
  info[end++] = 0;
  info[end++] = 1;
  bool done = ssl->HMAC(traffic->hash, traffic->secret, (int)traffic->secret_bytes, info, end,
                        block, NULL) != NULL;
  if (done)
    memcpy(result, block, length);
  ssl->OPENSSL_cleanse(block, sizeof block);
  return done;
}

/* The key and the vector of the secret that is there, for records that begin anew. */
static bool set_key(const struct openssl *ssl, struct traffic *traffic) {
  uint8_t key[KEY_BYTES_MAX];
  traffic->sequence = 0;
  bool done = expand(ssl, traffic, "tls13 key", key, traffic->key_bytes) &&
              expand(ssl, traffic, "tls13 iv", traffic->iv, sizeof traffic->iv) &&
              gcm_set_key(&traffic->gcm, gcm_engine(), key, traffic->key_bytes);
  ssl->OPENSSL_cleanse(key, sizeof key);
  return done;
}

static bool choose(const struct openssl *ssl, struct traffic *traffic, uint16_t suite) {
  if (suite == TLS_AES_128_GCM_SHA256) {
    traffic->hash = ssl->EVP_sha256();
    traffic->key_bytes = 16;
    return traffic->secret_bytes == 32;
  }
  traffic->hash = ssl->EVP_sha384();
  traffic->key_bytes = 32;
  return suite == TLS_AES_256_GCM_SHA384 && traffic->secret_bytes == 48;
}

bool traffic_start(struct traffic *traffic, uint16_t suite) {
  const struct openssl *ssl = openssl();
  if (choose(ssl, traffic, suite) && set_key(ssl, traffic))
    return true;
  traffic_wipe(traffic);
  return false;
}

bool traffic_update(struct traffic *traffic) {
  const struct openssl *ssl = openssl();
  uint8_t next[SECRET_BYTES_MAX];
  bool done = expand(ssl, traffic, "tls13 traffic upd", next, traffic->secret_bytes);
  if (done)
    memcpy(traffic->secret, next, traffic->secret_bytes);
  ssl->OPENSSL_cleanse(next, sizeof next);
  return done && set_key(ssl, traffic);
}

bool traffic_open(struct traffic *traffic, const uint8_t *record, size_t length, uint8_t *content) {
  uint8_t nonce[sizeof traffic->iv];
  /* No peer can send so many, but a nonce must never come twice. */
  if (traffic->sequence == UINT64_MAX)
    return false;
  memcpy(nonce, traffic->iv, sizeof nonce);
  for (size_t i = 0; i < sizeof traffic->sequence; i++)
    nonce[sizeof nonce - 1 - i] ^= (uint8_t)(traffic->sequence >> 8 * i);
  traffic->sequence++;
  return gcm_open(&traffic->gcm, nonce, record, HEADER_BYTES, record + HEADER_BYTES, length,
                  content);
}

void traffic_wipe(struct traffic *traffic) {
  const struct openssl *ssl = openssl();
  gcm_wipe(&traffic->gcm);
  ssl->OPENSSL_cleanse(traffic, sizeof *traffic);
}
