/* Finding Node's OpenSSL: see openssl.h. */
#include "openssl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* The first major version that has all of it. */
#define MAJOR_OLDEST 3

static struct openssl functions;
static bool found;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Through memory, since ISO C converts no object pointer to a function. */
static bool find(const char *name, void *function) {
  void *symbol = dlsym(RTLD_DEFAULT, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static void find_all(void) {
#define OPENSSL_FIND(name, result, parameters)                                                     \
  if (!find(#name, &functions.name))                                                               \
    return;
  OPENSSL_FUNCTIONS(OPENSSL_FIND)
#undef OPENSSL_FIND
  found = functions.OPENSSL_version_major() >= MAJOR_OLDEST;
}

const struct openssl *openssl(void) {
  pthread_once(&once, find_all);
  return found ? &functions : NULL;
}
