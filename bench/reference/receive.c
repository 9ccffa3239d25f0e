/*
 * Receives ranged GETs over keep-alive connections with epoll, on one thread, and throws the bytes
 * away: what receiving alone costs. Prints one line of JSON.
 *
 *   receive HOST PORT RANGE_BYTES CONNECTIONS SECONDS OBJECT_BYTES in-order|random PATH...
 *
 * Connections take turns with the paths. In order, those of one path share its offset; at random,
 * each range begins at a multiple of its length.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20, HEAD_BYTES = 4096, CONNECTIONS_MAX = 1024, EVENTS = 64 };

struct object {
  const char *path;
  uint64_t next;
};

struct connection {
  int fd;
  struct object *object;
  /* The head as far as it has come; -1 while the body comes. */
  int head_length;
  char head[HEAD_BYTES];
  uint64_t body_left;
};

static const char *host;
static uint64_t range_bytes, object_bytes, bytes, requests;
static int at_random;
static char *buffer;

static void fail(const char *what) {
  fprintf(stderr, "receive: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
  exit(1);
}

static uint64_t next_random(void) {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ask(struct connection *connection) {
  struct object *object = connection->object;
  uint64_t ranges = object_bytes / range_bytes ? object_bytes / range_bytes : 1;
  uint64_t from = at_random ? next_random() % ranges * range_bytes : object->next;
  uint64_t to = from + range_bytes < object_bytes ? from + range_bytes : object_bytes;
  object->next = to >= object_bytes ? 0 : to;
  char request[2048];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: %s\r\nRange: bytes=%llu-%llu\r\n\r\n",
                        object->path, host, (unsigned long long)from, (unsigned long long)to - 1);
  if (length <= 0 || (size_t)length >= sizeof request)
    fail("the path is too long");
  if (send(connection->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
    fail("sending");
  connection->head_length = 0;
}

static void start(struct connection *connection, const struct sockaddr_in *address) {
  int on = 1;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->fd < 0 ||
      connect(connection->fd, (const struct sockaddr *)address, sizeof *address) != 0)
    fail("connecting");
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ask(connection);
}

/* Whether the head is whole; what follows it counts as body. */
static int take_head(struct connection *connection, const char *data, size_t length) {
  size_t room = HEAD_BYTES - 1 - (size_t)connection->head_length;
  size_t taken = length < room ? length : room;
  memcpy(connection->head + connection->head_length, data, taken);
  connection->head_length += (int)taken;
  connection->head[connection->head_length] = 0;
  char *end = strstr(connection->head, "\r\n\r\n");
  if (end == NULL) {
    if (taken < length)
      fail("the head of an answer is too long");
    return 0;
  }
  char *field = strcasestr(connection->head, "\r\ncontent-length:");
  if (strncmp(connection->head, "HTTP/1.1 206", 12) != 0 || field == NULL)
    fail("an answer is not 206 with a length");
  uint64_t before = (uint64_t)(connection->head_length - (end + 4 - connection->head));
  uint64_t in_chunk = before + (length - taken);
  connection->body_left = strtoull(field + 17, NULL, 10);
  if (in_chunk > connection->body_left)
    fail("more bytes than were announced");
  connection->body_left -= in_chunk;
  bytes += in_chunk;
  connection->head_length = -1;
  return 1;
}

static void on_readable(struct connection *connection) {
  for (;;) {
    ssize_t length = recv(connection->fd, buffer, BUFFER_BYTES, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (length <= 0)
      fail("receiving");
    if (connection->head_length >= 0) {
      if (!take_head(connection, buffer, (size_t)length))
        continue;
    } else {
      if ((uint64_t)length > connection->body_left)
        fail("more bytes than were announced");
      connection->body_left -= (uint64_t)length;
      bytes += (uint64_t)length;
    }
    if (connection->body_left == 0) {
      requests++;
      ask(connection);
      return;
    }
  }
}

static void report(double seconds) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("{\"bytes\":%llu,\"requests\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n",
         (unsigned long long)bytes, (unsigned long long)requests, seconds, cpu);
}

int main(int argc, char **argv) {
  if (argc < 9) {
    fprintf(stderr, "receive HOST PORT RANGE_BYTES CONNECTIONS SECONDS OBJECT_BYTES "
                    "in-order|random PATH...\n");
    return 2;
  }
  host = argv[1];
  range_bytes = strtoull(argv[3], NULL, 10);
  int count = atoi(argv[4]);
  double limit = atof(argv[5]);
  object_bytes = strtoull(argv[6], NULL, 10);
  at_random = strcmp(argv[7], "random") == 0;
  int paths = argc - 8;
  if (range_bytes == 0 || object_bytes == 0 || count < 1 || count > CONNECTIONS_MAX)
    fail("a number is out of range");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
    fail("the host is not an IPv4 address");

  buffer = malloc(BUFFER_BYTES);
  struct object *objects = calloc((size_t)paths, sizeof *objects);
  struct connection *connections = calloc((size_t)count, sizeof *connections);
  int poll = epoll_create1(EPOLL_CLOEXEC);
  if (buffer == NULL || objects == NULL || connections == NULL || poll < 0)
    fail("starting");
  for (int i = 0; i < paths; i++)
    objects[i].path = argv[8 + i];
  double begun = seconds_now();
  for (int i = 0; i < count; i++) {
    connections[i].object = &objects[i % paths];
    start(&connections[i], &address);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event) != 0)
      fail("epoll_ctl");
  }
  for (double now = begun; now - begun < limit; now = seconds_now()) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poll, events, EVENTS, 1000);
    for (int i = 0; i < ready; i++)
      on_readable(events[i].data.ptr);
  }
  report(seconds_now() - begun);
  return 0;
}
