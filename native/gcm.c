/* The choice between OpenSSL's AES-GCM and ours: see gcm.h; and the binding that tests call. */
#include "gcm.h"
#include "addon.h"
#include "arguments.h"

#include <pthread.h>

/* For the whole process: to ask the processor takes microseconds in a virtual machine. */
static bool has_vaes;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void look(void) {
  has_vaes = gcm_vaes_is_here();
}

static bool knows_vaes(void) {
  pthread_once(&once, look);
  return has_vaes;
}

enum gcm_engine gcm_engine(void) {
  const struct openssl *ssl = openssl();
  /* From 3.1 on OpenSSL uses these instructions itself, and is as fast. */
  bool is_new = ssl->OPENSSL_version_major() > 3 || ssl->OPENSSL_version_minor() > 0;
  return !is_new && knows_vaes() ? GCM_VAES : GCM_OPENSSL;
}

bool gcm_set_key(struct gcm *gcm, enum gcm_engine engine, const uint8_t *key, size_t key_bytes) {
  const struct openssl *ssl = openssl();
  if (engine == GCM_VAES) {
    gcm_vaes_set_key(&gcm->vaes, key, key_bytes);
    return true;
  }
  if (gcm->cipher == NULL)
    gcm->cipher = ssl->EVP_CIPHER_CTX_new();
  const EVP_CIPHER *cipher = key_bytes == 16 ? ssl->EVP_aes_128_gcm() : ssl->EVP_aes_256_gcm();
  return gcm->cipher != NULL && ssl->EVP_DecryptInit_ex(gcm->cipher, cipher, NULL, key, NULL) == 1;
}

static bool open_by_openssl(struct gcm *gcm, const uint8_t *vector, const uint8_t *header,
                            size_t header_bytes, const uint8_t *sealed, size_t length,
                            uint8_t *content) {
  const struct openssl *ssl = openssl();
  uint8_t none[GCM_TAG_BYTES];
  int count;
  return ssl->EVP_DecryptInit_ex(gcm->cipher, NULL, NULL, NULL, vector) == 1 &&
         ssl->EVP_DecryptUpdate(gcm->cipher, NULL, &count, header, (int)header_bytes) == 1 &&
         ssl->EVP_DecryptUpdate(gcm->cipher, content, &count, sealed, (int)length) == 1 &&
         ssl->EVP_CIPHER_CTX_ctrl(gcm->cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES,
                                  (void *)(sealed + length)) == 1 &&
         ssl->EVP_DecryptFinal_ex(gcm->cipher, none, &count) == 1;
}

bool gcm_open(struct gcm *gcm, const uint8_t *vector, const uint8_t *header, size_t header_bytes,
              const uint8_t *sealed, size_t length, uint8_t *content) {
  uint8_t tag[GCM_TAG_BYTES];
  if (length > GCM_BYTES_MAX || header_bytes > GCM_BYTES_MAX)
    return false;
  if (gcm->cipher != NULL)
    return open_by_openssl(gcm, vector, header, header_bytes, sealed, length, content);
  gcm_vaes_open(&gcm->vaes, vector, header, header_bytes, sealed, length, content, tag);
  return openssl()->CRYPTO_memcmp(tag, sealed + length, sizeof tag) == 0;
}

void gcm_wipe(struct gcm *gcm) {
  const struct openssl *ssl = openssl();
  ssl->EVP_CIPHER_CTX_free(gcm->cipher);
  ssl->OPENSSL_cleanse(gcm, sizeof *gcm);
}

napi_value open_sealed(napi_env env, napi_callback_info info) {
  napi_value arguments[6], result;
  struct bytes key, vector, header, sealed, content;
  bool by_openssl;
  if (!read_arguments(env, info, 6, arguments, NULL) ||
      !read_boolean(env, arguments[0], "byOpenSsl", &by_openssl) ||
      !read_bytes(env, arguments[1], "key", &key) ||
      !read_bytes(env, arguments[2], "vector", &vector) ||
      !read_bytes(env, arguments[3], "header", &header) ||
      !read_bytes(env, arguments[4], "sealed", &sealed) ||
      !read_bytes(env, arguments[5], "content", &content))
    return NULL;
  if ((key.length != 16 && key.length != 32) || vector.length != GCM_VECTOR_BYTES ||
      sealed.length < GCM_TAG_BYTES || content.length != sealed.length - GCM_TAG_BYTES) {
    napi_throw_range_error(env, NULL,
                           "key, vector, sealed and content must be as long as they are");
    return NULL;
  }
  if (openssl() == NULL || (!by_openssl && !knows_vaes()))
    return NULL;
  struct gcm gcm = {0};
  bool right = gcm_set_key(&gcm, by_openssl ? GCM_OPENSSL : GCM_VAES, key.data, key.length) &&
               gcm_open(&gcm, vector.data, header.data, header.length, sealed.data, content.length,
                        content.data);
  gcm_wipe(&gcm);
  openssl()->ERR_clear_error();
  return napi_get_boolean(env, right, &result) == napi_ok ? result : NULL;
}
