/*
 * Speaks just enough of S3 for objects to be written to it, and throws them away without looking at
 * a byte: a server that leaves the machine to whoever writes. One thread, with epoll.
 *
 *   discard PORT
 *
 * What was stored is neither listed nor found. A checksum in the header of a request is sent back
 * as if it had been computed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, ANSWER_BYTES = 4096, EVENTS = 64 };

#define XML(root, content)                                                                         \
  "<" root " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" content "</" root ">"
#define ETAG "\"d41d8cd98f00b204e9800998ecf8427e\""

struct connection {
  int fd;
  /* The head as far as it has come, ended with a NUL. */
  size_t head_length;
  char head[HEAD_BYTES];
  /* Of the body; meaningless while the head comes. */
  uint64_t body_left;
  int in_body;
};

struct answer {
  const char *status;
  const char *body;
};

static void fail(const char *what) {
  fprintf(stderr, "discard: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
  exit(1);
}

/* Whether the target of a request, "/BUCKET/KEY?QUERY", has a key. */
static int names_object(const char *target) {
  size_t path = strcspn(target, "? "), bucket = 1 + strcspn(target + 1, "/? ");
  return path > bucket + 1;
}

static struct answer answer_to(const char *request) {
  static const struct answer stored = {"200 OK", ""}, removed = {"204 No Content", ""};
  const char *target = strchr(request, ' ') + 1;
  if (strncmp(request, "PUT ", 4) == 0)
    return stored;
  if (strncmp(request, "DELETE ", 7) == 0)
    return removed;
  if (strncmp(request, "POST ", 5) == 0) {
    if (strstr(target, "uploads") != NULL)
      return (struct answer){
          "200 OK", XML("InitiateMultipartUploadResult", "<UploadId>discarded</UploadId>")};
    if (strstr(target, "uploadId=") != NULL)
      return (struct answer){"200 OK",
                             XML("CompleteMultipartUploadResult", "<ETag>" ETAG "</ETag>")};
    return (struct answer){"200 OK", XML("DeleteResult", "")};
  }
  if (names_object(target))
    return (struct answer){"404 Not Found", "<Error><Code>NoSuchKey</Code></Error>"};
  return (struct answer){
      "200 OK", XML("ListBucketResult", "<KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>")};
}

/* Whether it was sent. */
static int answer(struct connection *connection) {
  char *request = connection->head, *line_end = strstr(request, "\r\n");
  const char *checksum = strcasestr(line_end, "\r\nx-amz-checksum-crc");
  int checksum_length = checksum == NULL ? 0 : 2 + (int)strcspn(checksum + 2, "\r");
  *line_end = 0;
  struct answer answer = answer_to(request);
  int has_body = strncmp(request, "HEAD ", 5) != 0;
  char text[ANSWER_BYTES];
  int length = snprintf(text, sizeof text,
                        "HTTP/1.1 %s\r\nContent-Length: %zu\r\nETag: " ETAG "%.*s\r\n\r\n%s",
                        answer.status, has_body ? strlen(answer.body) : 0, checksum_length,
                        checksum == NULL ? "" : checksum, has_body ? answer.body : "");
  connection->in_body = 0;
  connection->head_length = 0;
  return length < (int)sizeof text &&
         send(connection->fd, text, (size_t)length, MSG_NOSIGNAL) == length;
}

/* Takes what has come of the head, and of the body what came with it. Whether there was anything.
 */
static ssize_t read_head(struct connection *connection) {
  size_t known = connection->head_length;
  ssize_t count = recv(connection->fd, connection->head + known, HEAD_BYTES - 1 - known, 0);
  if (count <= 0)
    return count;
  connection->head_length += (size_t)count;
  connection->head[connection->head_length] = 0;
  char *end = strstr(connection->head, "\r\n\r\n");
  if (end == NULL)
    return count;
  size_t taken = connection->head_length - (size_t)(end + 4 - connection->head);
  end[2] = 0;
  const char *field = strcasestr(connection->head, "\r\ncontent-length:");
  uint64_t length = field == NULL ? 0 : strtoull(field + 17, NULL, 10);
  /* Nobody sends the next request before the answer to this one. */
  if (taken > length)
    return 0;
  connection->body_left = length - taken;
  connection->in_body = 1;
  static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
  if (strcasestr(connection->head, "\r\nexpect: 100-continue\r\n") != NULL &&
      send(connection->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL) < 0)
    return 0;
  return count;
}

/* Whether the connection goes on. */
static int on_readable(struct connection *connection) {
  for (;;) {
    ssize_t count;
    if (connection->in_body) {
      /* MSG_TRUNC: the kernel lets go of the bytes without copying them. */
      count = recv(connection->fd, NULL, connection->body_left, MSG_TRUNC);
      if (count > 0)
        connection->body_left -= (uint64_t)count;
    } else {
      count = read_head(connection);
    }
    if (count < 0 && errno == EAGAIN)
      return 1;
    if (count <= 0)
      return 0;
    if (connection->in_body && connection->body_left == 0 && !answer(connection))
      return 0;
  }
}

static void watch(int poll, int fd, void *data) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0)
    fail("epoll_ctl");
}

static void take_connection(int poll, int listener) {
  int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0)
    return;
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL)
    fail("calloc");
  connection->fd = fd;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  watch(poll, fd, connection);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "discard PORT\n");
    return 2;
  }
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)atoi(argv[1]))};
  int on = 1, poll = epoll_create1(EPOLL_CLOEXEC);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (poll < 0 || listener < 0 ||
      setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, SOMAXCONN) != 0)
    fail("listening");
  watch(poll, listener, NULL);
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection == NULL) {
        take_connection(poll, listener);
      } else if (!on_readable(connection)) {
        close(connection->fd);
        free(connection);
      }
    }
  }
}
