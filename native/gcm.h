/*
 * Opening what AES-GCM has sealed (NIST SP 800-38D), by Node's OpenSSL or, where that has no use of
 * the processor's wide instructions, by ours (gcm-vaes.c). Vectors have 12 bytes and tags 16.
 */
#ifndef GCM_H
#define GCM_H

#include "openssl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GCM_VECTOR_BYTES 12
#define GCM_TAG_BYTES 16
/* What one call may open: more than any record, and far from where counters begin anew. */
#define GCM_BYTES_MAX ((size_t)1 << 30)

struct gcm_vaes {
  /* The keys of the rounds, and their count less one. */
  uint8_t rounds[15][16];
  unsigned last_round;
  /* H^16 down to H, reversed and times x, and then zeroes. */
  uint8_t powers[32][16];
};

struct gcm {
  /* NULL where `vaes` is used. */
  EVP_CIPHER_CTX *cipher;
  struct gcm_vaes vaes;
};

enum gcm_engine { GCM_OPENSSL, GCM_VAES };

/* The better of those that are here. */
enum gcm_engine gcm_engine(void);

/* Takes a key of 16 or 32 bytes in the place of another, or of zeroes. False without memory. */
bool gcm_set_key(struct gcm *gcm, enum gcm_engine engine, const uint8_t *key, size_t key_bytes);
/*
 * Whether the tag that follows the `length` bytes of `sealed` is right, for these and for `header`.
 * `content`, elsewhere, gets `length` bytes, which nobody may believe unless it is.
 */
bool gcm_open(struct gcm *gcm, const uint8_t *vector, const uint8_t *header, size_t header_bytes,
              const uint8_t *sealed, size_t length, uint8_t *content);
/* Leaves zeroes. */
void gcm_wipe(struct gcm *gcm);

/* gcm-vaes.c. The others may be called only where the first says so. */
bool gcm_vaes_is_here(void);
void gcm_vaes_set_key(struct gcm_vaes *gcm, const uint8_t *key, size_t key_bytes);
/* Decrypts, and computes the tag that should follow. */
void gcm_vaes_open(const struct gcm_vaes *gcm, const uint8_t *vector, const uint8_t *header,
                   size_t header_bytes, const uint8_t *sealed, size_t length, uint8_t *content,
                   uint8_t *tag);

#endif
