/*
 * The OpenSSL that Node carries and lets addons use, found by name when it is first needed: a Node
 * that hides it loads this addon all the same, and does without encryption here.
 *
 * The declarations are our own, so that no header of OpenSSL is needed to build. What is used has
 * been the same since OpenSSL 3.0; `openssl()` refuses what is older, or is not OpenSSL.
 */
#ifndef OPENSSL_H
#define OPENSSL_H

#include <stddef.h>
#include <stdint.h>

typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;
typedef struct ssl_method_st SSL_METHOD;
typedef struct ssl_cipher_st SSL_CIPHER;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct engine_st ENGINE;
typedef struct x509_st X509;
typedef struct x509_store_st X509_STORE;
typedef struct x509_verify_param_st X509_VERIFY_PARAM;

/* openssl/bio.h */
#define BIO_TYPE_SOURCE_SINK 0x0400
#define BIO_FLAGS_READ 0x01
#define BIO_FLAGS_WRITE 0x02
#define BIO_FLAGS_SHOULD_RETRY 0x08
#define BIO_CTRL_EOF 2
#define BIO_CTRL_FLUSH 11

/* openssl/ssl.h */
#define SSL_ERROR_NONE 0
#define SSL_ERROR_WANT_READ 2
#define SSL_ERROR_WANT_WRITE 3
#define SSL_ERROR_SYSCALL 5
#define SSL_ERROR_ZERO_RETURN 6
#define SSL_VERIFY_PEER 0x01
#define SSL_CTRL_MODE 33
#define SSL_CTRL_SET_SESS_CACHE_MODE 44
#define SSL_CTRL_SET_TLSEXT_HOSTNAME 55
#define SSL_CTRL_SET_MIN_PROTO_VERSION 123
#define SSL_SESS_CACHE_CLIENT 0x001
#define SSL_SESS_CACHE_NO_INTERNAL 0x300
#define SSL_MODE_ENABLE_PARTIAL_WRITE 0x01
#define SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER 0x02
#define SSL_OP_NO_RENEGOTIATION ((uint64_t)1 << 30)
#define TLSEXT_NAMETYPE_host_name 0
#define SSL_KEY_UPDATE_NOT_REQUESTED 0
#define TLS1_2_VERSION 0x0303
#define TLS1_3_VERSION 0x0304
#define TLS_AES_128_GCM_SHA256 0x1301
#define TLS_AES_256_GCM_SHA384 0x1302
/* The error that an alert of the server's is: ERR_PACK(ERR_LIB_SSL, 0, 1000 + alert). */
#define SSL_ALERT_ERROR(alert) ((unsigned long)20 << 23 | (1000 + (unsigned long)(alert)))

/* openssl/evp.h */
#define EVP_CTRL_AEAD_SET_TAG 0x11

/* openssl/x509_vfy.h, openssl/x509v3.h */
#define X509_V_OK 0
#define X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS 0x4

/* Name, result and parameters of every function that is used. */
#define OPENSSL_FUNCTIONS(X)                                                                       \
  X(OPENSSL_version_major, unsigned int, (void))                                                   \
  X(OPENSSL_version_minor, unsigned int, (void))                                                   \
  X(ERR_clear_error, void, (void))                                                                 \
  X(ERR_peek_error, unsigned long, (void))                                                         \
  X(ERR_reason_error_string, const char *, (unsigned long))                                        \
  X(X509_verify_cert_error_string, const char *, (long))                                           \
  X(X509_VERIFY_PARAM_set1_ip_asc, int, (X509_VERIFY_PARAM *, const char *))                       \
  X(BIO_meth_new, BIO_METHOD *, (int, const char *))                                               \
  X(BIO_meth_free, void, (BIO_METHOD *))                                                           \
  X(BIO_meth_set_read, int, (BIO_METHOD *, int (*)(BIO *, char *, int)))                           \
  X(BIO_meth_set_write, int, (BIO_METHOD *, int (*)(BIO *, const char *, int)))                    \
  X(BIO_meth_set_ctrl, int, (BIO_METHOD *, long (*)(BIO *, int, long, void *)))                    \
  X(BIO_new, BIO *, (const BIO_METHOD *))                                                          \
  X(BIO_set_init, void, (BIO *, int))                                                              \
  X(BIO_set_data, void, (BIO *, void *))                                                           \
  X(BIO_get_data, void *, (BIO *))                                                                 \
  X(BIO_set_flags, void, (BIO *, int))                                                             \
  X(BIO_clear_flags, void, (BIO *, int))                                                           \
  X(BIO_new_mem_buf, BIO *, (const void *, int))                                                   \
  X(BIO_free, int, (BIO *))                                                                        \
  X(PEM_read_bio_X509_AUX, X509 *, (BIO *, X509 **, int (*)(char *, int, int, void *), void *))    \
  X(X509_free, void, (X509 *))                                                                     \
  X(X509_STORE_add_cert, int, (X509_STORE *, X509 *))                                              \
  X(TLS_client_method, const SSL_METHOD *, (void))                                                 \
  X(SSL_CTX_new, SSL_CTX *, (const SSL_METHOD *))                                                  \
  X(SSL_CTX_ctrl, long, (SSL_CTX *, int, long, void *))                                            \
  X(SSL_CTX_set_ciphersuites, int, (SSL_CTX *, const char *))                                      \
  X(SSL_CTX_set_cipher_list, int, (SSL_CTX *, const char *))                                       \
  X(SSL_CTX_get_cert_store, X509_STORE *, (const SSL_CTX *))                                       \
  X(SSL_CTX_set_default_verify_paths, int, (SSL_CTX *))                                            \
  X(SSL_CTX_free, void, (SSL_CTX *))                                                               \
  X(SSL_CTX_sess_set_new_cb, void, (SSL_CTX *, int (*)(SSL *, SSL_SESSION *)))                     \
  X(SSL_CTX_set_keylog_callback, void, (SSL_CTX *, void (*)(const SSL *, const char *)))           \
  X(SSL_SESSION_dup, SSL_SESSION *, (const SSL_SESSION *))                                         \
  X(SSL_SESSION_free, void, (SSL_SESSION *))                                                       \
  X(SSL_SESSION_is_resumable, int, (const SSL_SESSION *))                                          \
  X(SSL_new, SSL *, (SSL_CTX *))                                                                   \
  X(SSL_free, void, (SSL *))                                                                       \
  X(SSL_ctrl, long, (SSL *, int, long, void *))                                                    \
  X(SSL_set_bio, void, (SSL *, BIO *, BIO *))                                                      \
  X(SSL_get_rbio, BIO *, (const SSL *))                                                            \
  X(SSL_set_options, uint64_t, (SSL *, uint64_t))                                                  \
  X(SSL_set_alpn_protos, int, (SSL *, const unsigned char *, unsigned int))                        \
  X(SSL_set_verify, void, (SSL *, int, int (*)(int, void *)))                                      \
  X(SSL_set_hostflags, void, (SSL *, unsigned int))                                                \
  X(SSL_set1_host, int, (SSL *, const char *))                                                     \
  X(SSL_get0_param, X509_VERIFY_PARAM *, (SSL *))                                                  \
  X(SSL_set_session, int, (SSL *, SSL_SESSION *))                                                  \
  X(SSL_set_connect_state, void, (SSL *))                                                          \
  X(SSL_do_handshake, int, (SSL *))                                                                \
  X(SSL_get_verify_result, long, (const SSL *))                                                    \
  X(SSL_get_error, int, (const SSL *, int))                                                        \
  X(SSL_read_ex, int, (SSL *, void *, size_t, size_t *))                                           \
  X(SSL_peek_ex, int, (SSL *, void *, size_t, size_t *))                                           \
  X(SSL_write_ex, int, (SSL *, const void *, size_t, size_t *))                                    \
  X(SSL_has_pending, int, (const SSL *))                                                           \
  X(SSL_version, int, (const SSL *))                                                               \
  X(SSL_get_current_cipher, const SSL_CIPHER *, (const SSL *))                                     \
  X(SSL_CIPHER_get_protocol_id, uint16_t, (const SSL_CIPHER *))                                    \
  X(SSL_key_update, int, (SSL *, int))                                                             \
  X(SSL_shutdown, int, (SSL *))                                                                    \
  X(EVP_sha256, const EVP_MD *, (void))                                                            \
  X(EVP_sha384, const EVP_MD *, (void))                                                            \
  X(HMAC, unsigned char *,                                                                         \
    (const EVP_MD *, const void *, int, const unsigned char *, size_t, unsigned char *,            \
     unsigned int *))                                                                              \
  X(EVP_aes_128_gcm, const EVP_CIPHER *, (void))                                                   \
  X(EVP_aes_256_gcm, const EVP_CIPHER *, (void))                                                   \
  X(EVP_CIPHER_CTX_new, EVP_CIPHER_CTX *, (void))                                                  \
  X(EVP_CIPHER_CTX_free, void, (EVP_CIPHER_CTX *))                                                 \
  X(EVP_CIPHER_CTX_ctrl, int, (EVP_CIPHER_CTX *, int, int, void *))                                \
  X(EVP_DecryptInit_ex, int,                                                                       \
    (EVP_CIPHER_CTX *, const EVP_CIPHER *, ENGINE *, const unsigned char *,                        \
     const unsigned char *))                                                                       \
  X(EVP_DecryptUpdate, int,                                                                        \
    (EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int))                        \
  X(EVP_DecryptFinal_ex, int, (EVP_CIPHER_CTX *, unsigned char *, int *))                          \
  X(CRYPTO_memcmp, int, (const void *, const void *, size_t))                                      \
  X(OPENSSL_cleanse, void, (void *, size_t))

struct openssl {
#define OPENSSL_MEMBER(name, result, parameters) result(*name) parameters;
  OPENSSL_FUNCTIONS(OPENSSL_MEMBER)
#undef OPENSSL_MEMBER
};

/* The functions, or NULL when this Node has not all of them. May be called from any thread. */
const struct openssl *openssl(void);

#endif
