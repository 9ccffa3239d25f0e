/*
 * Serves a FUSE file system from memory on one thread: what speaking with the kernel alone costs.
 * One directory with the files that it is told of, all of the same bytes. It needs root, to mount.
 *
 *   memory-fs DIRECTORY NAME:BYTES...
 *
 * It speaks the protocol as mount-s3-ts does: READs of up to 1 MiB, read-ahead of two of them, and
 * one writev for each answer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  PAGES_MAX = 256,
  TRANSFER_BYTES = PAGES_MAX * 4096,
  /* The kernel refuses to fill less than its largest WRITE and a header. */
  REQUEST_BYTES = TRANSFER_BYTES + 4096,
  READ_AHEAD_KIB = 2 * TRANSFER_BYTES / 1024,
  /* More than the caches of a processor: bytes that were just received are not there either. */
  MEMORY_BYTES = 64 << 20,
  FILES_MAX = 4096,
  VALID_SECONDS = 3600,
};

struct file {
  char *name;
  uint64_t bytes;
};

static int device;
static const char *directory;
static struct file files[FILES_MAX];
static int file_count;
static char *memory;

static void fail(const char *what) {
  fprintf(stderr, "memory-fs: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void reply(uint64_t unique, int error, const void *body, size_t length) {
  struct fuse_out_header head = {
      .len = (uint32_t)(sizeof head + length), .error = -error, .unique = unique};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)body, length}};
  /* ENOENT: the caller has been interrupted and gone. */
  if (writev(device, parts, length > 0 ? 2 : 1) < 0 && errno != ENOENT)
    fail("answering");
}

/* Node 1 is the directory, node n + 2 is files[n]. */
static struct file *file_of(uint64_t node) {
  return node >= 2 && node < 2 + (uint64_t)file_count ? &files[node - 2] : NULL;
}

static struct fuse_attr attributes_of(uint64_t node) {
  struct file *file = file_of(node);
  struct fuse_attr attributes = {
      .ino = node, .nlink = 1, .blksize = 4096, .mode = S_IFDIR | 0755, .size = 4096};
  if (file != NULL) {
    attributes.mode = S_IFREG | 0444;
    attributes.size = file->bytes;
    attributes.blocks = (file->bytes + 511) / 512;
  }
  return attributes;
}

/* What the kernel asks for is what it may have, but for the size of transfers. */
static void init(uint64_t unique, const struct fuse_init_in *in) {
  struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                              .minor = FUSE_KERNEL_MINOR_VERSION,
                              .max_readahead = in->max_readahead,
                              .flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES |
                                                    FUSE_MAX_PAGES | FUSE_PARALLEL_DIROPS |
                                                    FUSE_ASYNC_DIO | FUSE_EXPLICIT_INVAL_DATA),
                              .max_background = 64,
                              .congestion_threshold = 48,
                              .max_write = TRANSFER_BYTES,
                              .time_gran = 1,
                              .max_pages = PAGES_MAX};
  reply(unique, 0, &out, sizeof out);
}

/* Once the kernel has taken INIT's answer, which sets it too. */
static void raise_read_ahead(dev_t id) {
  char path[64];
  snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", major(id), minor(id));
  FILE *file = fopen(path, "w");
  if (file == NULL)
    return;
  fprintf(file, "%d", READ_AHEAD_KIB);
  fclose(file);
}

/* The device's number, without asking the file system that this process serves. */
static dev_t device_of_mount(void) {
  FILE *mounts = fopen("/proc/self/mountinfo", "r");
  char line[4096], place[2048];
  unsigned one, two, found_major = 0, found_minor = 0;
  while (mounts != NULL && fgets(line, sizeof line, mounts) != NULL)
    if (sscanf(line, "%*u %*u %u:%u %*s %2047s", &one, &two, place) == 3 &&
        strcmp(place, directory) == 0) {
      found_major = one;
      found_minor = two;
    }
  if (mounts != NULL)
    fclose(mounts);
  return makedev(found_major, found_minor);
}

static void lookup(uint64_t unique, const char *name) {
  for (int i = 0; i < file_count; i++)
    if (strcmp(files[i].name, name) == 0) {
      uint64_t node = (uint64_t)i + 2;
      struct fuse_entry_out out = {.nodeid = node,
                                   .entry_valid = VALID_SECONDS,
                                   .attr_valid = VALID_SECONDS,
                                   .attr = attributes_of(node)};
      reply(unique, 0, &out, sizeof out);
      return;
    }
  reply(unique, ENOENT, NULL, 0);
}

static void read_file(uint64_t unique, uint64_t node, const struct fuse_read_in *in) {
  struct file *file = file_of(node);
  if (file == NULL || in->size > TRANSFER_BYTES) {
    reply(unique, EIO, NULL, 0);
    return;
  }
  uint64_t left = in->offset < file->bytes ? file->bytes - in->offset : 0;
  uint64_t length = left < in->size ? left : in->size;
  /* Wherever it begins, a whole transfer follows. */
  reply(unique, 0, memory + in->offset % (MEMORY_BYTES - TRANSFER_BYTES), length);
}

static void serve(const struct fuse_in_header *head, const void *body) {
  switch (head->opcode) {
  case FUSE_INIT:
    init(head->unique, body);
    break;
  case FUSE_LOOKUP:
    lookup(head->unique, body);
    break;
  case FUSE_GETATTR: {
    struct fuse_attr_out out = {.attr_valid = VALID_SECONDS, .attr = attributes_of(head->nodeid)};
    reply(head->unique, 0, &out, sizeof out);
    break;
  }
  case FUSE_OPEN:
  case FUSE_OPENDIR: {
    struct fuse_open_out out = {.fh = head->nodeid};
    reply(head->unique, 0, &out, sizeof out);
    break;
  }
  case FUSE_READ:
    read_file(head->unique, head->nodeid, body);
    break;
  case FUSE_STATFS: {
    struct fuse_statfs_out out = {.st = {.bsize = 4096, .namelen = 255}};
    reply(head->unique, 0, &out, sizeof out);
    break;
  }
  case FUSE_READDIR:
  case FUSE_FLUSH:
  case FUSE_RELEASE:
  case FUSE_RELEASEDIR:
    reply(head->unique, 0, NULL, 0);
    break;
  case FUSE_FORGET:
  case FUSE_BATCH_FORGET:
  case FUSE_INTERRUPT:
    break;
  default:
    reply(head->unique, ENOSYS, NULL, 0);
  }
}

static void take_files(int count, char **words) {
  if (count > FILES_MAX) {
    errno = E2BIG;
    fail("too many files");
  }
  for (int i = 0; i < count; i++) {
    char *colon = strrchr(words[i], ':');
    if (colon == NULL) {
      errno = EINVAL;
      fail(words[i]);
    }
    *colon = 0;
    files[file_count++] = (struct file){words[i], strtoull(colon + 1, NULL, 10)};
  }
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "memory-fs DIRECTORY NAME:BYTES...\n");
    return 2;
  }
  directory = argv[1];
  take_files(argc - 2, argv + 2);
  memory = malloc(MEMORY_BYTES);
  char *request = malloc(REQUEST_BYTES);
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (memory == NULL || request == NULL || device < 0)
    fail("starting");
  for (size_t i = 0; i < MEMORY_BYTES; i++)
    memory[i] = (char)(i * 2654435761u >> 13);
  char options[128];
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
  if (mount("memory-fs", directory, "fuse.memory-fs", MS_NOSUID | MS_NODEV, options) != 0)
    fail("mounting");
  for (int raised = 0;;) {
    ssize_t length = read(device, request, REQUEST_BYTES);
    if (length < 0 && errno == ENODEV)
      return 0;
    if (length < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
      continue;
    if (length < (ssize_t)sizeof(struct fuse_in_header))
      fail("reading a request");
    const struct fuse_in_header *head = (const struct fuse_in_header *)request;
    if (!raised && head->opcode != FUSE_INIT) {
      raise_read_ahead(device_of_mount());
      raised = 1;
    }
    serve(head, request + sizeof *head);
  }
}
