/* The bindings of the checksums, and the choice between instructions and tables. */
#include "addon.h"
#include "arguments.h"
#include "checksum.h"
#include "processor.h"

#include <uv.h>

#ifndef PROCESSOR_ENGINE
#define PROCESSOR_ENGINE "portable"
#endif

/* For the whole process, and constant once prepared. */
static uv_once_t once = UV_ONCE_INIT;
static bool accelerated;

static void prepare(void) {
  crc32c_prepare();
  crc64nvme_prepare();
  accelerated = processor_accelerates();
}

void prepare_checksums(void) {
  uv_once(&once, prepare);
}

const char *checksum_engine(void) {
  return accelerated ? PROCESSOR_ENGINE : "portable";
}

static napi_value answer_32(napi_env env, napi_callback_info info, bool by_instruction) {
  napi_value arguments[2];
  struct bytes bytes;
  uint64_t crc;
  if (!read_arguments(env, info, 2, arguments, NULL) ||
      !read_bytes(env, arguments[0], "bytes", &bytes) ||
      !read_integer(env, arguments[1], "crc", UINT32_MAX, &crc))
    return NULL;
  return number_of(env, by_instruction
                            ? crc32c_by_instruction((uint32_t)crc, bytes.data, bytes.length)
                            : crc32c_by_table((uint32_t)crc, bytes.data, bytes.length));
}

static napi_value answer_64(napi_env env, napi_callback_info info, bool by_instruction) {
  napi_value arguments[2];
  struct bytes bytes;
  uint64_t crc;
  bool lossless;
  if (!read_arguments(env, info, 2, arguments, NULL) ||
      !read_bytes(env, arguments[0], "bytes", &bytes))
    return NULL;
  if (napi_get_value_bigint_uint64(env, arguments[1], &crc, &lossless) != napi_ok) {
    napi_throw_type_error(env, NULL, "crc must be a bigint");
    return NULL;
  }
  if (!lossless) {
    napi_throw_range_error(env, NULL, "crc must be an unsigned number of 64 bits");
    return NULL;
  }
  napi_value value = NULL;
  napi_create_bigint_uint64(env,
                            by_instruction ? crc64nvme_by_instruction(crc, bytes.data, bytes.length)
                                           : crc64nvme_by_table(crc, bytes.data, bytes.length),
                            &value);
  return value;
}

napi_value crc32c(napi_env env, napi_callback_info info) {
  return answer_32(env, info, accelerated);
}

napi_value crc32c_portable(napi_env env, napi_callback_info info) {
  return answer_32(env, info, false);
}

napi_value crc64nvme(napi_env env, napi_callback_info info) {
  return answer_64(env, info, accelerated);
}

napi_value crc64nvme_portable(napi_env env, napi_callback_info info) {
  return answer_64(env, info, false);
}
