/** Scenarios: what a descriptor and its copies may do, made by programs that can copy descriptors. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import { perl, python } from "../rigs/system-call.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { createWhole, readWhole } from "./whole-file.ts";

const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

export const descriptorsScenarios: readonly Scenario[] = [
  {
    name: "touch creates an empty object",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const { code, stderr } = await run("touch", [path("touched")]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      await expect.poll(() => bucket.sizeOf("touched")).toBe(0);
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
    needs: ["kernel", "caller"],
    async run({ bucket, path }) {
      const script = 'exec > "$1"; echo one; /bin/echo two; (echo three); echo four';
      const { code } = await run("sh", ["-c", script, "sh", path("file")]);
      expect(code).toBe(0);
      await expect
        .poll(async () => (await bucket.get("file"))?.toString())
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
  {
    name: "copies of a descriptor write in turn until the first is closed",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "$fd = POSIX::open($ARGV[0], O_WRONLY | O_CREAT | O_EXCL, 0644); defined $fd or exit $!;",
        "$copy = POSIX::dup($fd);",
        'POSIX::write($fd, "one ", 4) == 4 or exit $!;',
        'POSIX::write($copy, "two ", 4) == 4 or exit $!;',
        'POSIX::write($fd, "three", 5) == 5 or exit $!;',
        "POSIX::close($fd) or exit $!; POSIX::close($copy) or exit $!;",
      ].join("\n");
      await perl("write", script, [path("file")]);
      expect((await bucket.get("file"))?.toString()).toBe("one two three");
    },
  },
  {
    name: "a copy writes when the first descriptor was closed before anything was written",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "$fd = POSIX::open($ARGV[0], O_WRONLY | O_CREAT | O_EXCL, 0644); defined $fd or exit $!;",
        "$copy = POSIX::dup($fd); POSIX::close($fd) or exit $!;",
        'POSIX::write($copy, "content", 7) == 7 or exit $!;',
        "POSIX::close($copy) or exit $!;",
      ].join("\n");
      await perl("write", script, [path("file")]);
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a copy is EBADF once somebody has opened the file that was closed empty",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "$fd = POSIX::open($ARGV[0], O_WRONLY | O_CREAT | O_EXCL, 0644); defined $fd or exit 255;",
        "$copy = POSIX::dup($fd); POSIX::close($fd) or exit 254;",
        "$reader = POSIX::open($ARGV[0], O_RDONLY); defined $reader or exit 253;",
        'defined POSIX::write($copy, "late", 4) or exit $!;',
      ].join("\n");
      await expectErrno("EBADF", perl("write", script, [path("file")]));
      expect(await bucket.sizeOf("file")).toBe(0);
    },
  },
  {
    name: "closing the copies behind the first close is no error",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "$fd = POSIX::open($ARGV[0], O_WRONLY | O_CREAT | O_EXCL, 0644); defined $fd or exit $!;",
        "@copies = map { POSIX::dup($fd) } 1..5;",
        'POSIX::write($fd, "content", 7) == 7 or exit $!;',
        "POSIX::close($_) or exit $! for $fd, @copies;",
      ].join("\n");
      await perl("close", script, [path("file")]);
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a close by another thread of the program stores the file",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "import threading",
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        'os.write(fd, b"content")',
        "thread = threading.Thread(target=os.close, args=(fd,))",
        "thread.start()",
        "thread.join()",
        "assert os.stat(sys.argv[1]).st_size == 7",
      ].join("\n");
      await python("close", script, [path("file")]);
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a child that inherits a descriptor and writes to it adds to the file",
    needs: ["kernel", "caller"],
    async run({ bucket, path }) {
      const script = [
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        'os.write(fd, b"parent ")',
        "if os.fork() == 0:",
        '  os.write(fd, b"child ")',
        "  os._exit(0)",
        "os.wait()",
        'os.write(fd, b"parent")',
        "os.close(fd)",
      ].join("\n");
      await python("write", script, [path("file")]);
      expect((await bucket.get("file"))?.toString()).toBe("parent child parent");
    },
  },
  {
    name: "a child that outlives its parent's close is EBADF, and the object stays",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        'os.write(fd, b"parent")',
        "reader, writer = os.pipe()",
        "child = os.fork()",
        "if child == 0:",
        "  os.read(reader, 1)",
        "  try:",
        '    os.write(fd, b"late")',
        "  except OSError as error:",
        "    os._exit(error.errno)",
        "  os._exit(0)",
        "os.close(fd)",
        'os.write(writer, b"x")',
        "sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))",
      ].join("\n");
      await expectErrno("EBADF", python("write", script, [path("file")]));
      expect((await bucket.get("file"))?.toString()).toBe("parent");
    },
  },
  {
    name: "a program whose standard output is a new file fills it",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "import subprocess",
        'with open(sys.argv[1], "wb") as file:',
        '  subprocess.run(["echo", "from the child"], stdout=file, check=True)',
      ].join("\n");
      await python("spawn", script, [path("file")]);
      await expect
        .poll(async () => (await bucket.get("file"))?.toString())
        .toBe("from the child\n");
    },
  },
  {
    name: "a program that is killed while it writes leaves what it had written",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "import signal",
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        'os.write(fd, b"content")',
        "os.kill(os.getpid(), signal.SIGKILL)",
      ].join("\n");
      const { signal } = await run("python3", ["-c", `import os, sys\n${script}`, path("file")]);
      expect(signal).toBe("SIGKILL");
      await expect.poll(async () => (await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "two programs cannot write one file at one time: the second is EPERM",
    needs: ["kernel"],
    async run({ tree, bucket, path }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("first"), 0);
        const script = "os.open(sys.argv[1], os.O_WRONLY)";
        await expectErrno("EPERM", python("open", script, [path("file")]));
      });
      expect((await bucket.get("file"))?.toString()).toBe("first");
    },
  },
  {
    name: "a file is handed from one program to the next by its close",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = 'printf one > "$1/a" && cat "$1/a" "$1/a" > "$1/b" && cat "$1/b" > "$1/c"';
      await succeed("sh", ["-c", script, "sh", path("")]);
      expect((await bucket.get("c"))?.toString()).toBe("oneone");
    },
  },
  {
    name: "fdatasync stores the file as fsync does",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        'os.write(fd, b"content")',
        "os.fdatasync(fd)",
        'os.write(fd, b"late")',
      ].join("\n");
      await expectErrno("EBADF", python("write", script, [path("file")]));
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "several buffers that are written by one call are stored in their order",
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL)",
        'assert os.writev(fd, [b"one ", b"", b"two ", b"three"]) == 13',
        "os.close(fd)",
      ].join("\n");
      await python("writev", script, [path("file")]);
      expect((await bucket.get("file"))?.toString()).toBe("one two three");
    },
  },
  {
    name: "syncing the whole file system does not end a file that is being written",
    // It would be told what befell others since the last time.
    alone: true,
    needs: ["kernel", "caller"],
    async run({ tree, bucket, path }) {
      await withFile(tree.open("file", O_NEW), async (file) => {
        await file.write(Buffer.from("one "), 0);
        await succeed("sync", ["--file-system", path("")]);
        await file.write(Buffer.from("two"), 4);
      });
      expect((await bucket.get("file"))?.toString()).toBe("one two");
    },
  },
  {
    name: "fsync of a file that is only read is no error",
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await withFile(tree.open("file", constants.O_RDONLY), (file) => file.sync());
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "a file of which a child has closed its copy is stored by the next open, and its writer is EBADF",
    needs: ["caller"],
    async run({ tree, bucket }) {
      const file = await tree.open("file", O_NEW);
      await file.write(Buffer.from("content"), 0);
      await file.closeCopyOfChild();
      expect((await readWhole(tree, "file")).toString()).toBe("content");
      await expectErrno("EBADF", file.write(Buffer.from("late"), 7));
      await file.close();
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
];
