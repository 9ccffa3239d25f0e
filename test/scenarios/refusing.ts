/** Scenarios: system calls that an object store has no answer to are refused, each with its errno. */

import { constants } from "node:fs";
import { access, link, lstat, readlink, symlink } from "node:fs/promises";
import { expect } from "vitest";
import { sorted } from "../rigs/bytes.ts";
import { succeed } from "../rigs/child.ts";
import type { Capability } from "../rigs/rig.ts";
import { python } from "../rigs/system-call.ts";
import { expectErrno, outcomeOf, type Scenario } from "./scenario.ts";
import { namesIn, readWhole } from "./whole-file.ts";

const { S_IFBLK, S_IFCHR, S_IFIFO, S_IFREG, S_IFSOCK } = constants;
const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

const KINDS = [
  ["a pipe", S_IFIFO],
  ["a socket", S_IFSOCK],
  ["a character device", S_IFCHR],
  ["a block device", S_IFBLK],
] as const;

/** What a program tries on an object, in Python, and the outcome; the content must survive it. */
const CALLS: readonly (readonly [
  what: string,
  script: string,
  outcome: string,
  needs?: Capability,
])[] = [
  ["setting an extended attribute", 'os.setxattr(sys.argv[1], "user.a", b"x")', "ENOTSUP"],
  ["reading an extended attribute", 'os.getxattr(sys.argv[1], "user.a")', "ENOTSUP"],
  ["removing an extended attribute", 'os.removexattr(sys.argv[1], "user.a")', "ENOTSUP"],
  [
    "finding data and holes",
    [
      "fd = os.open(sys.argv[1], os.O_RDONLY)",
      "assert os.lseek(fd, 0, os.SEEK_DATA) == 0",
      "assert os.lseek(fd, 0, os.SEEK_HOLE) == 7",
    ].join("\n"),
    "success",
  ],
  [
    "an ioctl",
    "import fcntl\nfcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x5401, bytes(60))",
    "ENOTTY",
  ],
  [
    "locking with flock",
    "import fcntl\nfcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)",
    "success",
  ],
  [
    "locking with fcntl",
    "import fcntl\nfcntl.lockf(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH)",
    "success",
  ],
  [
    "waiting with poll",
    [
      "import select",
      "poll = select.poll()",
      "poll.register(os.open(sys.argv[1], os.O_RDONLY), select.POLLIN)",
      "assert poll.poll(0)[0][1] & select.POLLIN",
    ].join("\n"),
    "success",
  ],
  [
    "mapping into memory",
    [
      "import mmap",
      "with mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), 0, prot=mmap.PROT_READ) as map:",
      '  assert map[:] == b"content"',
    ].join("\n"),
    "success",
    "page-cache",
  ],
  [
    "syncing the directory",
    "os.fsync(os.open(os.path.dirname(sys.argv[1]), os.O_RDONLY))",
    "success",
  ],
  [
    "making a file without a name",
    "os.open(os.path.dirname(sys.argv[1]), os.O_TMPFILE | os.O_RDWR)",
    "ENOTSUP",
  ],
  [
    "mapping into memory to change what only the program sees",
    [
      "import mmap",
      "map = mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), 0, access=mmap.ACCESS_COPY)",
      'map[:4] = b"Cont"',
      'assert map[:] == b"Content"',
    ].join("\n"),
    "success",
  ],
  [
    "sending with sendfile",
    [
      "import socket",
      "one, other = socket.socketpair()",
      "assert os.sendfile(one.fileno(), os.open(sys.argv[1], os.O_RDONLY), 3, 100) == 4",
      'assert other.recv(100) == b"tent"',
    ].join("\n"),
    "success",
  ],
  [
    "reading into several buffers with preadv",
    [
      "one, other = bytearray(3), bytearray(100)",
      "assert os.preadv(os.open(sys.argv[1], os.O_RDONLY), [one, other], 1) == 6",
      'assert one + other[:3] == b"ontent"',
    ].join("\n"),
    "success",
  ],
  [
    "advising the kernel with posix_fadvise",
    [
      "fd = os.open(sys.argv[1], os.O_RDONLY)",
      "for advice in os.POSIX_FADV_WILLNEED, os.POSIX_FADV_SEQUENTIAL, os.POSIX_FADV_DONTNEED:",
      "  os.posix_fadvise(fd, 0, 0, advice)",
      'assert os.read(fd, 100) == b"content"',
    ].join("\n"),
    "success",
  ],
];

const called = CALLS.map(
  ([what, script, outcome, need]): Scenario => ({
    name: `${what} ${outcome === "success" ? "works" : `is ${outcome}`}`,
    needs: ["kernel", ...(need === undefined ? [] : [need])],
    async run({ tree, bucket, path }) {
      await bucket.put("file", "content");
      expect(await outcomeOf(python(what, script, [path("file")]))).toBe(outcome);
      expect((await bucket.get("file"))?.toString()).toBe("content");
      expect(await namesIn(tree)).toEqual(["file"]);
    },
  }),
);

export const refusingScenarios: readonly Scenario[] = [
  ...called,
  ...KINDS.map(
    ([kind, type]): Scenario => ({
      name: `making ${kind} is EINVAL, and nothing is left`,
      needs: kind.endsWith("device") ? ["root"] : [],
      async run({ tree, bucket }) {
        await expectErrno("EINVAL", tree.mknod("node", type));
        expect(await namesIn(tree)).toEqual([]);
        expect(await bucket.keys()).toEqual([]);
      },
    }),
  ),
  {
    name: "a file made with mknod is there, empty, and can be written",
    async run({ tree, bucket }) {
      await tree.mknod("file", S_IFREG);
      expect(await tree.stat("file")).toMatchObject({ kind: "file", sizeBytes: 0 });
      const file = await tree.open("file", constants.O_WRONLY);
      await file.write(Buffer.from("content"), 0);
      await file.close();
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a file made with mknod and opened to be read is an empty object",
    async run({ tree, bucket }) {
      await tree.mknod("file", S_IFREG);
      expect(await readWhole(tree, "file")).toHaveLength(0);
      expect(await bucket.sizeOf("file")).toBe(0);
    },
  },
  {
    name: "making with mknod what is there is EEXIST",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await expectErrno("EEXIST", tree.mknod("file", S_IFREG));
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a symbolic link is EPERM, and nothing is left",
    needs: ["kernel"],
    async run({ tree, bucket, path }) {
      await bucket.put("file", "content");
      await expectErrno("EPERM", symlink("file", path("symbolic")));
      await expectErrno("ENOENT", lstat(path("symbolic")));
      expect(await namesIn(tree)).toEqual(["file"]);
    },
  },
  {
    name: "a hard link is EPERM, and nothing is left",
    needs: ["kernel"],
    async run({ tree, bucket, path }) {
      await bucket.put("file", "content");
      await expectErrno("EPERM", link(path("file"), path("hard")));
      await expectErrno("ENOENT", lstat(path("hard")));
      expect(await namesIn(tree)).toEqual(["file"]);
    },
  },
  {
    name: "reading a file as a symbolic link is EINVAL",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      await expectErrno("EINVAL", readlink(path("file")));
    },
  },
  {
    name: "asking for access tells what the mode allows",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      await access(path("file"), constants.R_OK | constants.W_OK);
      await expectErrno("EACCES", access(path("file"), constants.X_OK));
      await expectErrno("ENOENT", access(path("missing")));
    },
  },
  {
    name: "listing extended attributes is ENOTSUP",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      const script = "os.listxattr(sys.argv[1])";
      await expectErrno("ENOTSUP", python("listxattr", script, [path("file")]));
    },
  },
  {
    name: "the kernel copies one file into another",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("from", "content");
      const script = [
        "source = os.open(sys.argv[1], os.O_RDONLY)",
        "target = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        "assert os.copy_file_range(source, target, 100) == 7",
        "os.close(target)",
      ].join("\n");
      await python("copy_file_range", script, [path("from"), path("to")]);
      expect((await bucket.get("to"))?.toString()).toBe("content");
    },
  },
  {
    name: "a hole cannot be punched: ENOTSUP, and the file can still be written",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "import ctypes",
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        'os.write(fd, b"content")',
        "libc = ctypes.CDLL(None, use_errno=True)",
        "size = ctypes.c_int64",
        "assert libc.fallocate64(fd, 3, size(0), size(4)) == -1",
        "failure = ctypes.get_errno()",
        "os.close(fd)",
        "raise OSError(failure, os.strerror(failure))",
      ].join("\n");
      await expectErrno("ENOTSUP", python("fallocate", script, [path("file")]));
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    // At EOPNOTSUPP, glibc would write into every block instead.
    name: "space cannot be reserved: EINVAL, and the file can still be written",
    needs: ["kernel", "fallocate"],
    async run({ bucket, path }) {
      const script = [
        "import errno, os, sys",
        'with open(sys.argv[1], "wb") as file:',
        "  try:",
        "    os.posix_fallocate(file.fileno(), 0, 100_000)",
        '    sys.exit("space was reserved")',
        "  except OSError as error:",
        "    assert error.errno == errno.EINVAL, error",
        '  file.write(b"content")',
      ].join("\n");
      await succeed("python3", ["-c", script, path("file")]);
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a write through a mapping of an object fails at msync, and what others read stays right",
    needs: ["kernel", "page-cache"],
    async run({ tree, bucket, path }) {
      await bucket.put("file", "content");
      const script = [
        "import mmap",
        "with mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 0) as map:",
        '  map[:4] = b"XXXX"',
        "  map.flush()",
      ].join("\n");
      await expectErrno("EBADF", python("msync", script, [path("file")]));
      await expect.poll(async () => (await readWhole(tree, "file")).toString()).toBe("content");
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "on a read-only mount everything that would write is EROFS",
    flags: { readOnly: true, allowDelete: true, allowOverwrite: true },
    needs: ["kernel"],
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await bucket.put("there/file", "content");
      await expectErrno("EROFS", tree.open("new", O_NEW));
      await expectErrno("EROFS", tree.open("file", constants.O_WRONLY | constants.O_TRUNC));
      await expectErrno("EROFS", tree.open("file", constants.O_RDWR));
      await expectErrno("EROFS", tree.mkdir("made"));
      await expectErrno("EROFS", tree.unlink("file"));
      await expectErrno("EROFS", tree.rmdir("there"));
      await expectErrno("EROFS", tree.rename("file", "renamed"));
      await expectErrno("EROFS", tree.chmod("file", 0o600));
      expect(sorted(await bucket.keys())).toEqual(["file", "there/file"]);
    },
  },
];
