/** Scenarios: what a descriptor and its copies may do, made by programs that can copy descriptors. */

import { expect } from "vitest";
import { run } from "../rigs/child.ts";
import { perl } from "../rigs/system-call.ts";
import { expectErrno, type Scenario } from "./scenario.ts";
import { createWhole } from "./whole-file.ts";

export const descriptorsScenarios: readonly Scenario[] = [
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
