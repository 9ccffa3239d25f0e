/*
 * Requests in, replies out: the hot path. Nothing is kept of the buffers it is given, so that none
 * needs a reference.
 */
#include "arguments.h"
#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Below IOV_MAX, 1024, with the header. */
#define PARTS_MAX 1000

/* What is before the payload of a WRITE: fuse_in_header and fuse_write_in. */
#define WRITE_HEAD_BYTES 80
#define FUSE_WRITE 16

/* What went to `payload`, but is that of a request which has none, belongs behind the rest. */
static void join_request(struct bytes head, struct bytes payload, size_t count) {
  uint32_t opcode;
  memcpy(&opcode, head.data + 4, sizeof opcode);
  if (count > WRITE_HEAD_BYTES && opcode != FUSE_WRITE)
    memcpy(head.data + WRITE_HEAD_BYTES, payload.data, count - WRITE_HEAD_BYTES);
}

napi_value channel_receive(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct bytes head, payload;
  struct channel *channel = channel_receiver(env, info, 2, arguments);
  if (channel == NULL || !read_bytes(env, arguments[0], "head", &head) ||
      !read_bytes(env, arguments[1], "payload", &payload))
    return NULL;
  if (head.length < WRITE_HEAD_BYTES + payload.length) {
    napi_throw_range_error(env, NULL, "head must hold what payload does, and 80 bytes");
    return NULL;
  }
  if (!channel->open)
    return number_of(env, -EBADF);
  struct iovec vector[2] = {{.iov_base = head.data, .iov_len = WRITE_HEAD_BYTES},
                            {.iov_base = payload.data, .iov_len = payload.length}};
  ssize_t count;
  /* ENOENT: the request was interrupted on its way here, and the next one can be taken. */
  do
    count = readv(channel->fd, vector, 2);
  while (count < 0 && (errno == EINTR || errno == ENOENT));
  if (count > 0)
    join_request(head, payload, (size_t)count);
  return result_of(env, count);
}

ssize_t channel_write(int fd, const struct iovec *vector, int length) {
  ssize_t count;
  do
    count = writev(fd, vector, length);
  while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

/*
 * One writev of everything: the kernel takes a reply whole or not at all. A reply may come after
 * the channel was closed, when its descriptor's number may stand for another file.
 */
static napi_value answer(napi_env env, const struct channel *channel, const struct iovec *vector,
                         int length) {
  return number_of(env, channel->open ? channel_write(channel->fd, vector, length) : -EBADF);
}

/* The same of what `data` holds, by a data thread if there is enough of it: then a promise. */
static napi_value answer_with(napi_env env, struct channel *channel, const struct iovec *vector,
                              int length, napi_value data) {
  napi_value promise = channel->open ? reply_aside(channel, vector, length, data) : NULL;
  return promise != NULL ? promise : answer(env, channel, vector, length);
}

static bool read_header(napi_env env, const napi_value *arguments, struct iovec *vector) {
  struct bytes header;
  size_t count;
  if (!read_bytes(env, arguments[0], "header", &header) ||
      !read_count(env, arguments[1], "headerBytes", header, 0, &count))
    return false;
  *vector = (struct iovec){.iov_base = header.data, .iov_len = count};
  return true;
}

napi_value channel_reply(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct iovec vector;
  struct channel *channel = channel_receiver(env, info, 2, arguments);
  if (channel == NULL || !read_header(env, arguments, &vector))
    return NULL;
  return answer(env, channel, &vector, 1);
}

napi_value channel_reply_range(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  struct iovec vector[2];
  struct bytes data;
  size_t offset, count;
  struct channel *channel = channel_receiver(env, info, 5, arguments);
  if (channel == NULL || !read_header(env, arguments, vector) ||
      !read_bytes(env, arguments[2], "data", &data) ||
      !read_count(env, arguments[3], "offset", data, 0, &offset) ||
      !read_count(env, arguments[4], "byteCount", data, offset, &count))
    return NULL;
  vector[1] = (struct iovec){.iov_base = data.data + offset, .iov_len = count};
  return answer_with(env, channel, vector, 2, arguments[2]);
}

napi_value channel_reply_vector(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct iovec vector[1 + PARTS_MAX];
  uint32_t length;
  struct channel *channel = channel_receiver(env, info, 3, arguments);
  if (channel == NULL || !read_header(env, arguments, vector))
    return NULL;
  if (napi_get_array_length(env, arguments[2], &length) != napi_ok) {
    napi_throw_type_error(env, NULL, "parts must be an array");
    return NULL;
  }
  if (length > PARTS_MAX) {
    napi_throw_range_error(env, NULL, "parts must be at most 1000");
    return NULL;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    struct bytes part;
    if (napi_get_element(env, arguments[2], i, &element) != napi_ok ||
        !read_bytes(env, element, "each part", &part))
      return NULL;
    vector[1 + i] = (struct iovec){.iov_base = part.data, .iov_len = part.length};
  }
  return answer_with(env, channel, vector, 1 + (int)length, arguments[2]);
}
