/*
 * Memory for the block pool: anonymous, aligned to a huge page and advised to be made of them. A
 * reply from such memory costs the kernel half as much as one from small pages.
 *
 * Nothing is reported with napi_adjust_external_memory: V8 counts an external buffer by its length
 * as it is, touched or not. For a pool that is allocated once that costs one collection at the
 * start and, measured with 1 GiB, none later.
 */
#include "addon.h"
#include "arguments.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define ALLOCATION_BYTES_MAX ((uint64_t)1 << 42)

/* Maps one huge page more than asked for and gives back what lies outside the aligned part. */
static void *map_aligned(size_t length) {
  uint8_t *start = mmap(NULL, length + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED)
    return NULL;
  size_t before = -(uintptr_t)start & (HUGE_PAGE_BYTES - 1);
  if (before > 0)
    munmap(start, before);
  munmap(start + before + length, HUGE_PAGE_BYTES - before);
  /* Fails on a kernel without transparent huge pages, where small ones do. */
  madvise(start + before, length, MADV_HUGEPAGE);
  return start + before;
}

static void unmap(napi_env env, void *data, void *length) {
  (void)env;
  munmap(data, (size_t)(uintptr_t)length);
}

napi_value allocate_huge(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  uint64_t length;
  if (!read_arguments(env, info, 1, arguments, NULL) ||
      !read_integer(env, arguments[0], "byteCount", ALLOCATION_BYTES_MAX, &length))
    return NULL;
  if (length == 0 || length % HUGE_PAGE_BYTES != 0) {
    napi_throw_range_error(env, NULL, "byteCount must be a positive multiple of 2 MiB");
    return NULL;
  }
  void *data = map_aligned(length);
  if (data == NULL) {
    throw_errno(env, "cannot map huge pages", errno);
    return NULL;
  }
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, data, length, unmap, (void *)(uintptr_t)length,
                                       &buffer) != napi_ok) {
    munmap(data, length);
    napi_throw_error(env, NULL, "this Node takes no external array buffers");
    return NULL;
  }
  return buffer;
}

napi_value discard(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct bytes bytes;
  if (!read_arguments(env, info, 1, arguments, NULL) ||
      !read_bytes(env, arguments[0], "bytes", &bytes))
    return NULL;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t first = ((uintptr_t)bytes.data + page - 1) & -page;
  uintptr_t end = ((uintptr_t)bytes.data + bytes.length) & -page;
  if (first >= end)
    return number_of(env, 0);
  return result_of(env, madvise((void *)first, end - first, MADV_DONTNEED));
}
