/* Reading arguments strictly: see arguments.h. */
#include "arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static bool refuse_type(napi_env env, const char *name, const char *wanted) {
  char message[160];
  snprintf(message, sizeof message, "%s must be %s", name, wanted);
  napi_throw_type_error(env, NULL, message);
  return false;
}

static bool refuse_range(napi_env env, const char *name, double value, uint64_t max) {
  char message[160];
  snprintf(message, sizeof message, "%s must be a whole number from 0 to %llu, not %g", name,
           (unsigned long long)max, value);
  napi_throw_range_error(env, NULL, message);
  return false;
}

bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values,
                    napi_value *receiver) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, values, receiver, NULL) != napi_ok)
    return false;
  if (given >= count)
    return true;
  char message[80];
  snprintf(message, sizeof message, "expected %zu arguments, got %zu", count, given);
  napi_throw_type_error(env, NULL, message);
  return false;
}

bool read_bytes(napi_env env, napi_value value, const char *name, struct bytes *bytes) {
  napi_typedarray_type type = napi_int8_array;
  void *data = NULL;
  size_t length = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array)
    return refuse_type(env, name, "a Uint8Array");
  bytes->data = data;
  bytes->length = length;
  return true;
}

bool read_integer(napi_env env, napi_value value, const char *name, uint64_t max,
                  uint64_t *integer) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok)
    return refuse_type(env, name, "a number");
  /* As a double first: the integer getters of Node-API wrap around instead of refusing. */
  if (!(number >= 0 && number <= (double)max) || number != (double)(uint64_t)number)
    return refuse_range(env, name, number, max);
  *integer = (uint64_t)number;
  return true;
}

bool read_count(napi_env env, napi_value value, const char *name, struct bytes bytes, size_t offset,
                size_t *count) {
  uint64_t integer;
  if (!read_integer(env, value, name, bytes.length - offset, &integer))
    return false;
  *count = integer;
  return true;
}

bool read_descriptor(napi_env env, napi_value value, int *fd) {
  uint64_t integer;
  if (!read_integer(env, value, "fd", INT_MAX, &integer))
    return false;
  *fd = (int)integer;
  return true;
}

bool read_boolean(napi_env env, napi_value value, const char *name, bool *boolean) {
  return napi_get_value_bool(env, value, boolean) == napi_ok || refuse_type(env, name, "a boolean");
}

bool read_text(napi_env env, napi_value value, const char *name, char **text) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok)
    return refuse_type(env, name, "a string");
  char *copy = malloc(length + 1);
  if (copy == NULL) {
    throw_errno(env, "cannot copy a string", ENOMEM);
    return false;
  }
  napi_get_value_string_utf8(env, value, copy, length + 1, &length);
  if (strlen(copy) != length) {
    free(copy);
    return refuse_type(env, name, "a string without NUL");
  }
  *text = copy;
  return true;
}

napi_value number_of(napi_env env, int64_t number) {
  napi_value value = NULL;
  napi_create_int64(env, number, &value);
  return value;
}

napi_value result_of(napi_env env, int64_t result) {
  return number_of(env, result < 0 ? -errno : result);
}

void throw_errno(napi_env env, const char *attempt, int error_number) {
  char message[200];
  snprintf(message, sizeof message, "%s: %s", attempt, uv_strerror(-error_number));
  napi_throw_error(env, uv_err_name(-error_number), message);
}
