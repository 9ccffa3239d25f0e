/*
 * A TLS context: an SSL_CTX that Node has set up, with the certificates it trusts and the ciphers
 * it allows, and the session that the server offered last, so that the next connection need not
 * begin anew.
 */
#include "addon.h"
#include "arguments.h"
#include "tls.h"

#include <errno.h>
#include <stdlib.h>

/* Tells our objects from others that wrap something. Random. */
static const napi_type_tag CONTEXT_TAG = {0x8d1f3a5c9be64e07, 0xa2c47d10f35b8e69};

void tls_context_disown(struct tls_context *context) {
  if (--context->owners > 0)
    return;
  const struct openssl *ssl = context->ssl;
  uv_mutex_destroy(&context->mutex);
  ssl->SSL_SESSION_free(context->session);
  ssl->BIO_meth_free(context->method);
  ssl->SSL_CTX_free(context->ctx);
  free(context);
}

/* Keeps a copy: OpenSSL marks its own as spent when it is used, or when another ticket comes. */
static int on_new_session(SSL *session, SSL_SESSION *resumable) {
  const struct openssl *ssl = openssl();
  const struct tls *tls = ssl->BIO_get_data(ssl->SSL_get_rbio(session));
  struct tls_context *context = tls->context;
  SSL_SESSION *copy = ssl->SSL_SESSION_dup(resumable);
  uv_mutex_lock(&context->mutex);
  SSL_SESSION *last = context->session;
  context->session = copy;
  uv_mutex_unlock(&context->mutex);
  ssl->SSL_SESSION_free(last);
  return 0;
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  tls_context_disown(data);
}

/* Nobody is there to be asked for one. */
static int refuse_passphrase(char *buffer, int size, int writes, void *data) {
  (void)buffer;
  (void)size;
  (void)writes;
  (void)data;
  return -1;
}

/* Adds every certificate of a text to those that are trusted, up to what is none. */
static void trust(const struct tls_context *context, const char *text) {
  const struct openssl *ssl = context->ssl;
  X509_STORE *store = ssl->SSL_CTX_get_cert_store(context->ctx);
  BIO *bio = ssl->BIO_new_mem_buf(text, -1);
  X509 *certificate;
  while (bio != NULL &&
         (certificate = ssl->PEM_read_bio_X509_AUX(bio, NULL, refuse_passphrase, NULL)) != NULL) {
    ssl->X509_STORE_add_cert(store, certificate);
    ssl->X509_free(certificate);
  }
  ssl->BIO_free(bio);
}

static struct tls_context *make_context(const struct openssl *ssl) {
  struct tls_context *context = calloc(1, sizeof *context);
  if (context == NULL || uv_mutex_init(&context->mutex) < 0) {
    free(context);
    return NULL;
  }
  context->ssl = ssl;
  context->owners = 1;
  context->method = tls_bio_method(ssl);
  context->ctx = ssl->SSL_CTX_new(ssl->TLS_client_method());
  if (context->method == NULL || context->ctx == NULL) {
    tls_context_disown(context);
    return NULL;
  }
  ssl->SSL_CTX_ctrl(context->ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
  /* Sessions are kept here, the last one only. */
  ssl->SSL_CTX_ctrl(context->ctx, SSL_CTRL_SET_SESS_CACHE_MODE,
                    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL, NULL);
  ssl->SSL_CTX_sess_set_new_cb(context->ctx, on_new_session);
  ssl->SSL_CTX_set_keylog_callback(context->ctx, tls_note_secret);
  return context;
}

static bool trust_all(napi_env env, const struct tls_context *context, napi_value certificates) {
  uint32_t length;
  if (napi_get_array_length(env, certificates, &length) != napi_ok) {
    napi_throw_type_error(env, NULL, "certificates must be an array");
    return false;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    char *text;
    if (napi_get_element(env, certificates, i, &element) != napi_ok ||
        !read_text(env, element, "each certificate", &text))
      return false;
    trust(context, text);
    free(text);
  }
  return true;
}

static bool set_ciphers(napi_env env, const struct tls_context *context, const napi_value *values) {
  const struct openssl *ssl = context->ssl;
  char *suites = NULL, *list = NULL;
  bool taken = false;
  if (read_text(env, values[0], "suites", &suites) && read_text(env, values[1], "ciphers", &list)) {
    /* That none are left for TLS 1.2 is an error of OpenSSL's, and may be meant. */
    taken = ssl->SSL_CTX_set_ciphersuites(context->ctx, suites) == 1 &&
            (ssl->SSL_CTX_set_cipher_list(context->ctx, list) == 1 || *list == '\0');
    if (!taken)
      napi_throw_range_error(env, NULL, "OpenSSL knows none of these ciphers");
  }
  free(suites);
  free(list);
  return taken;
}

napi_value open_tls_context(napi_env env, napi_callback_info info) {
  napi_value arguments[4], object;
  bool trusts_system;
  if (!read_arguments(env, info, 4, arguments, NULL) ||
      !read_boolean(env, arguments[1], "trustsSystem", &trusts_system))
    return NULL;
  const struct openssl *ssl = openssl();
  if (ssl == NULL)
    return NULL;
  struct tls_context *context = make_context(ssl);
  if (context == NULL) {
    throw_errno(env, "cannot open a TLS context", ENOMEM);
    return NULL;
  }
  /* A system without any is one whose servers are not accepted, which says enough. */
  if (trusts_system)
    ssl->SSL_CTX_set_default_verify_paths(context->ctx);
  bool ready = trust_all(env, context, arguments[0]) && set_ciphers(env, context, arguments + 2);
  ssl->ERR_clear_error();
  if (ready && napi_create_object(env, &object) == napi_ok &&
      napi_type_tag_object(env, object, &CONTEXT_TAG) == napi_ok &&
      napi_wrap(env, object, context, on_collected, NULL, NULL) == napi_ok)
    return object;
  tls_context_disown(context);
  return NULL;
}

struct tls_context *tls_context_of(napi_env env, napi_value value) {
  bool is_ours = false;
  void *context;
  if (napi_check_object_type_tag(env, value, &CONTEXT_TAG, &is_ours) == napi_ok && is_ours &&
      napi_unwrap(env, value, &context) == napi_ok)
    return context;
  napi_throw_type_error(env, NULL, "context must come from openTlsContext");
  return NULL;
}
