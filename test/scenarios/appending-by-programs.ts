/** Scenarios of --incremental-upload as programs and shells use it. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern, sha256 } from "../rigs/bytes.ts";
import { run, succeed } from "../rigs/child.ts";
import type { World } from "../rigs/rig.ts";
import { perl, python } from "../rigs/system-call.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { readWhole, writeOn } from "./whole-file.ts";

const INCREMENTAL = { incrementalUpload: true } as const;

async function expectSoon({ bucket }: World, key: string, content: string): Promise<void> {
  await expect.poll(async () => String(await bucket.get(key))).toBe(content);
}

function shell(script: string, ...args: string[]): Promise<unknown> {
  return succeed("sh", ["-e", "-c", script, "sh", ...args]);
}

export const appendingByProgramsScenarios: readonly Scenario[] = [
  {
    name: "a shell appends with >>, again and again",
    flags: INCREMENTAL,
    needs: ["kernel"],
    async run(world) {
      await shell('for i in 1 2 3 4 5; do echo "line $i" >> "$1"; done', world.path("log"));
      await expectSoon(world, "log", "line 1\nline 2\nline 3\nline 4\nline 5\n");
      await shell('echo more | tee -a "$1"', world.path("log"));
      await expectSoon(world, "log", "line 1\nline 2\nline 3\nline 4\nline 5\nmore\n");
    },
  },
  {
    name: "a shell and its children append to one file in turn",
    flags: INCREMENTAL,
    needs: ["kernel"],
    async run(world) {
      await world.bucket.put("log", "zero\n");
      await shell(
        'exec >> "$1"; echo one; /bin/echo two; (echo three); echo four',
        world.path("log"),
      );
      await expectSoon(world, "log", "zero\none\ntwo\nthree\nfour\n");
    },
  },
  {
    name: "touch creates an empty object, to which dd appends",
    flags: INCREMENTAL,
    needs: ["kernel"],
    async run(world) {
      const file = world.path("file");
      await succeed("touch", [file]);
      await expectSoon(world, "file", "");
      await shell('printf abc | dd of="$1" oflag=append conv=notrunc status=none', file);
      await expectSoon(world, "file", "abc");
    },
  },
  {
    name: "a program writes a log with an fsync behind each line",
    flags: INCREMENTAL,
    needs: ["kernel"],
    async run({ bucket, path }) {
      const script = [
        "log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)",
        "for number in range(100):",
        "  os.write(log, b'line %d\\n' % number)",
        "  os.fsync(log)",
        "os.close(log)",
      ].join("\n");
      await python("fsync", script, [path("log")]);
      const lines = Array.from({ length: 100 }, (_, number) => `line ${number}\n`).join("");
      expect(String(await bucket.get("log"))).toBe(lines);
    },
  },
  {
    name: "a copy of a descriptor goes on appending after the first is closed",
    flags: INCREMENTAL,
    needs: ["kernel"],
    async run(world) {
      await world.bucket.put("file", "initial");
      const script = [
        "$fd = POSIX::open($ARGV[0], O_WRONLY | O_APPEND); defined $fd or exit $!;",
        'POSIX::write($fd, " one", 4) == 4 or exit $!;',
        "$copy = POSIX::dup($fd); POSIX::close($fd) or exit $!;",
        'POSIX::write($copy, " two", 4) == 4 or exit $!;',
        "POSIX::close($copy) or exit $!;",
      ].join("\n");
      await perl("write", script, [world.path("file")]);
      expect(String(await world.bucket.get("file"))).toBe("initial one two");
    },
  },
  {
    name: "cp and cat >> of large files keep every byte",
    flags: INCREMENTAL,
    needs: ["kernel"],
    async run({ bucket, path, tree }) {
      const data = pattern(21, 20 * MIB + 3);
      const flags = constants.O_WRONLY | constants.O_CREAT;
      await withFile(tree.open("one", flags), (file) => writeOn(file, data));
      await succeed("cp", [path("one"), path("two")]);
      await shell('cat "$1" >> "$2"', path("one"), path("two"));
      const expected = sha256(Buffer.concat([data, data]));
      expect(sha256((await bucket.get("two")) ?? Buffer.alloc(0))).toBe(expected);
      expect(sha256(await readWhole(tree, "two"))).toBe(expected);
    },
  },
  {
    name: "a new file has the content type of its name, and keeps it when it grows",
    flags: { ...INCREMENTAL, inferContentType: true },
    needs: ["kernel"],
    async run({ bucket, path }) {
      await shell('echo one > "$1"; echo two >> "$1"', path("page.html"));
      await expect.poll(() => bucket.sizeOf("page.html")).toBe(8);
      expect((await bucket.describe("page.html")).ContentType).toBe("text/html");
    },
  },
  {
    name: "what was appended is stored when the mount ends by a signal",
    flags: INCREMENTAL,
    alone: true,
    needs: ["kernel"],
    async run(world) {
      await world.bucket.put("file", "initial");
      const file = await world.tree.open("file", constants.O_WRONLY | constants.O_APPEND);
      await file.write(Buffer.from(" one"), 7);
      await world.end();
      await expectErrno("ENOTCONN", file.close());
      expect(String(await world.bucket.get("file"))).toBe("initial one");
    },
  },
  {
    name: "many programs append to files of their own at once",
    flags: { ...INCREMENTAL, memoryTargetMib: 512 },
    needs: ["kernel"],
    async run({ bucket, path }) {
      const names = Array.from({ length: 50 }, (_, index) => `file-${index}`);
      const script = 'head -c 3000000 /dev/zero >> "$1"; head -c 3000000 /dev/zero >> "$1"';
      const all = names.map((name) => run("sh", ["-e", "-c", script, "sh", path(name)]));
      expect((await Promise.all(all)).map(({ code }) => code)).toEqual(names.map(() => 0));
      for (const name of names) expect(await bucket.sizeOf(name)).toBe(6_000_000);
    },
  },
];
