/** Scenarios: system calls that an object store has no answer to are refused, each with its errno. */

import { constants } from "node:fs";
import { link, lstat, symlink } from "node:fs/promises";
import { expect } from "vitest";
import { EOPNOTSUPP } from "../../src/base/errno.ts";
import { sorted } from "../rigs/bytes.ts";
import { run, succeed } from "../rigs/child.ts";
import { perl } from "../rigs/system-call.ts";
import { expectErrno, type Scenario } from "./scenario.ts";
import { createWhole, namesIn } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

export const refusingScenarios: readonly Scenario[] = [
  {
    name: "links are EPERM, and no link is left",
    needs: ["kernel"],
    async run({ tree, bucket, path }) {
      await bucket.put("file", "content");
      await expectErrno("EPERM", symlink("file", path("symbolic")));
      await expectErrno("EPERM", link(path("file"), path("hard")));
      await expectErrno("ENOENT", lstat(path("symbolic")));
      expect(await namesIn(tree)).toEqual(["file"]);
    },
  },
  {
    name: "a pipe is EINVAL",
    needs: ["kernel"],
    async run({ tree, path }) {
      await expectErrno(
        "EINVAL",
        perl("mkfifo", "POSIX::mkfifo($ARGV[0], 0600) or exit $!", [path("pipe")]),
      );
      expect(await namesIn(tree)).toEqual([]);
    },
  },
  {
    // At EOPNOTSUPP, glibc would write into every block instead.
    name: "space cannot be reserved: EINVAL, and the file can still be written",
    needs: ["kernel"],
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
    name: "extended attributes are EOPNOTSUPP",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      const script = [
        "import os, sys",
        "try:",
        '  os.setxattr(sys.argv[1], "user.test", b"x")',
        "except OSError as error:",
        "  sys.exit(error.errno)",
      ].join("\n");
      const { code } = await run("python3", ["-c", script, path("file")]);
      expect(code).toBe(EOPNOTSUPP);
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

/** What a descriptor and its copies may do, which needs programs that can copy descriptors. */
export const descriptorScenarios: readonly Scenario[] = [
  {
    name: "touch creates an empty object",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const { code, stderr } = await run("touch", [path("touched")]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      await expect.poll(() => bucket.sizeOf("touched"), { timeout: 5_000 }).toBe(0);
    },
  },
  {
    name: "a write through a copy after the close of the first descriptor is EBADF",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "$fd = POSIX::open($ARGV[0], O_WRONLY | O_CREAT | O_EXCL, 0644); defined $fd or exit $!;",
        'POSIX::write($fd, "content", 7) == 7 or exit $!;',
        "$copy = POSIX::dup($fd); POSIX::close($fd) or exit $!;",
        'defined POSIX::write($copy, "more", 4) or exit $!;',
      ].join("\n");
      await expectErrno("EBADF", perl("write", script, [path("file")]));
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a read through a copy after the close of the first descriptor works",
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("file", "content");
      const script = [
        "$fd = POSIX::open($ARGV[0], O_RDONLY); defined $fd or exit $!;",
        "$copy = POSIX::dup($fd); POSIX::close($fd) or exit $!;",
        "defined POSIX::read($copy, $text, 100) or exit $!;",
        '$text eq "content" or exit 255;',
      ].join("\n");
      await perl("read", script, [path("file")]);
    },
  },
  {
    name: "a shell and its children write one file in turn",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = 'exec > "$1"; echo one; /bin/echo two; (echo three); echo four';
      const { code } = await run("sh", ["-c", script, "sh", path("file")]);
      expect(code).toBe(0);
      await expect
        .poll(async () => (await bucket.get("file"))?.toString(), { timeout: 5_000 })
        .toBe("one\ntwo\nthree\nfour\n");
    },
  },
  {
    name: "a file created by one process is read by another right after",
    needs: ["kernel"],
    async run({ tree, path }) {
      for (let round = 0; round < 5; round += 1) {
        await createWhole(tree, `file-${round}`, Buffer.from(`round ${round}`));
        const { stdout } = await run("cat", [path(`file-${round}`)]);
        expect(stdout).toBe(`round ${round}`);
      }
    },
  },
];
