/*
 * What every binding shares: reading arguments strictly and answering with numbers. A reader that
 * returns false has thrown, a TypeError for a wrong type and a RangeError for a wrong value; its
 * caller returns NULL at once.
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of memory that JavaScript owns: valid during the call that was given it, no longer. */
struct bytes {
  uint8_t *data;
  size_t length;
};

/* Reads exactly `count` arguments, and the receiver unless `receiver` is NULL. */
bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values,
                    napi_value *receiver);

bool read_bytes(napi_env env, napi_value value, const char *name, struct bytes *bytes);

/* A whole number from 0 to `max`, which is at most 2^53 - 1. */
bool read_integer(napi_env env, napi_value value, const char *name, uint64_t max,
                  uint64_t *integer);

/* A count of bytes that lies within `bytes` from `offset` on. */
bool read_count(napi_env env, napi_value value, const char *name, struct bytes bytes, size_t offset,
                size_t *count);

bool read_descriptor(napi_env env, napi_value value, int *fd);
bool read_boolean(napi_env env, napi_value value, const char *name, bool *boolean);

/* A copy as a C string, which the caller frees. Text with a NUL inside is refused. */
bool read_text(napi_env env, napi_value value, const char *name, char **text);

napi_value number_of(napi_env env, int64_t number);

/* `result` as system calls give it: itself, or -errno when it is negative. */
napi_value result_of(napi_env env, int64_t result);

/* Throws an Error whose `code` is the name of `error_number` and whose message says `attempt`. */
void throw_errno(napi_env env, const char *attempt, int error_number);

#endif
