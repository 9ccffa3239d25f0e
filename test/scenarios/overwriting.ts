/** Scenarios of `--allow-overwrite`: an object is replaced as a whole, when its writer closes. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { expectBytes, pattern, sorted } from "../rigs/bytes.ts";
import { perl } from "../rigs/system-call.ts";
import { expectErrno, outcomeOf, type Scenario, withFile } from "./scenario.ts";
import { namesIn, readWhole, writeOn } from "./whole-file.ts";

const { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } = constants;
const flags = { allowOverwrite: true };

export const overwritingScenarios: readonly Scenario[] = [
  {
    name: "an object is replaced when its writer closes, not before",
    flags,
    async run({ tree, bucket }) {
      const data = pattern(301, 20 * MIB);
      await bucket.put("file", "old content");
      await withFile(tree.open("file", O_WRONLY | O_TRUNC), async (file) => {
        await writeOn(file, data);
        expect((await file.stat()).sizeBytes).toBe(data.length);
        expect((await bucket.get("file"))?.toString()).toBe("old content");
      });
      expectBytes(await bucket.get("file"), data);
      expectBytes(await readWhole(tree, "file"), data);
      expect(await bucket.uploads()).toEqual([]);
    },
  },
  {
    name: "an object that is truncated and closed becomes empty",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old content");
      await withFile(tree.open("file", O_WRONLY | O_CREAT | O_TRUNC), async () => {});
      await expect.poll(() => bucket.sizeOf("file")).toBe(0);
      expect(await readWhole(tree, "file")).toHaveLength(0);
    },
  },
  {
    name: "a file that somebody reads cannot be overwritten, and one that is overwritten not read",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await withFile(tree.open("file", O_RDONLY), async (reader) => {
        expect((await reader.read(0, 7)).toString()).toBe("content");
        await expectErrno("EPERM", tree.open("file", O_WRONLY | O_TRUNC));
      });
      const reopened = async (): Promise<string> => {
        await withFile(tree.open("file", O_WRONLY | O_TRUNC), async (writer) => {
          await expectErrno("EPERM", tree.open("file", O_RDONLY));
          await writer.write(Buffer.from("new"), 0);
        });
        return "overwritten";
      };
      // The kernel may still be on its way to tell that the reader is gone.
      await expect.poll(reopened).toBe("overwritten");
      expect((await bucket.get("file"))?.toString()).toBe("new");
    },
  },
  {
    name: "a failed overwrite leaves the old object",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old content");
      const file = await tree.open("file", O_WRONLY | O_TRUNC);
      await file.write(Buffer.alloc(100), 0);
      await expectErrno("EINVAL", file.write(Buffer.alloc(100), 1_000));
      await expectErrno("EINVAL", file.close());
      expect((await bucket.get("file"))?.toString()).toBe("old content");
      expect((await readWhole(tree, "file")).toString()).toBe("old content");
    },
  },
  {
    name: "a file is overwritten time and again",
    flags,
    async run({ tree, bucket }) {
      for (let round = 0; round < 10; round += 1) {
        const text = `round ${round} ${"x".repeat(round * 100)}`;
        await withFile(tree.open("file", O_WRONLY | O_CREAT | O_TRUNC), (file) =>
          file.write(Buffer.from(text), 0),
        );
        expect((await bucket.get("file"))?.toString()).toBe(text);
        expect((await readWhole(tree, "file")).toString()).toBe(text);
      }
    },
  },
  {
    name: "an object that is overwritten keeps its inode, and shows the new size while it is written",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old content");
      await withFile(tree.open("file", O_WRONLY | O_TRUNC), async (file) => {
        const { ino } = await file.stat();
        expect((await tree.stat("file")).sizeBytes).toBe(0);
        await file.write(Buffer.from("new"), 0);
        expect(await tree.stat("file")).toMatchObject({ ino, sizeBytes: 3 });
        await file.sync();
        expect(await tree.stat("file")).toMatchObject({ ino, sizeBytes: 3 });
      });
    },
  },
  {
    name: "an object that was truncated by its path is EPERM: only an open can replace it",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "content");
      await expectErrno("EPERM", tree.truncate("file", 0));
      expect((await bucket.get("file"))?.toString()).toBe("content");
    },
  },
  {
    name: "an object that is being overwritten is in every listing, once",
    flags,
    async run({ tree, bucket }) {
      for (const name of ["before", "file", "later"]) await bucket.put(name, "old");
      await withFile(tree.open("file", O_WRONLY | O_TRUNC), async (file) => {
        await file.write(Buffer.from("new"), 0);
        expect(await namesIn(tree)).toEqual(["before", "file", "later"]);
      });
      expect(await namesIn(tree)).toEqual(["before", "file", "later"]);
    },
  },
  {
    name: "an object that is being overwritten is not deleted",
    flags: { allowOverwrite: true, allowDelete: true },
    async run({ tree, bucket }) {
      await bucket.put("file", "old");
      await withFile(tree.open("file", O_WRONLY | O_TRUNC), async () => {
        await expectErrno("EPERM", tree.unlink("file"));
      });
      await tree.unlink("file");
      expect(await bucket.keys()).toEqual([]);
    },
  },
  {
    name: "an object that is replaced elsewhere while it is overwritten here has what was closed last",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old");
      await withFile(tree.open("file", O_WRONLY | O_TRUNC), async (file) => {
        await file.write(Buffer.from("ours"), 0);
        await bucket.put("file", "theirs");
      });
      expect((await bucket.get("file"))?.toString()).toBe("ours");
      expect((await readWhole(tree, "file")).toString()).toBe("ours");
    },
  },
  {
    name: "an object that is deleted elsewhere while it is overwritten here is stored anew",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old");
      await withFile(tree.open("file", O_WRONLY | O_TRUNC), async (file) => {
        await file.write(Buffer.from("ours"), 0);
        await bucket.delete("file");
      });
      expect((await bucket.get("file"))?.toString()).toBe("ours");
    },
  },
  {
    name: "the reader of a file that was overwritten behind its close is EBADF from then on",
    flags,
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("file", "old");
      const script = [
        "$fd = POSIX::open($ARGV[0], O_RDONLY); defined $fd or exit $!;",
        "$copy = POSIX::dup($fd); POSIX::close($fd) or exit $!;",
        "$new = POSIX::open($ARGV[0], O_WRONLY | O_TRUNC); defined $new or exit 255;",
        'POSIX::write($new, "new!", 4) == 4 or exit 254; POSIX::close($new) or exit 253;',
        "defined POSIX::read($copy, $text, 100) or exit $!;",
      ].join("\n");
      await expectErrno("EBADF", perl("read", script, [path("file")]));
      expect((await bucket.get("file"))?.toString()).toBe("new!");
    },
  },
  {
    name: "a copy of a reader's descriptor that reads again keeps writers out: EPERM",
    flags,
    needs: ["kernel"],
    async run({ bucket, path }) {
      await bucket.put("file", "old");
      const script = [
        "use Fcntl;",
        "$fd = POSIX::open($ARGV[0], O_RDONLY | O_DIRECT); defined $fd or exit 255;",
        "$copy = POSIX::dup($fd); POSIX::close($fd) or exit 254;",
        "defined POSIX::read($copy, $text, 100) or exit 253;",
        "$new = POSIX::open($ARGV[0], O_WRONLY | O_TRUNC); defined $new or exit $!;",
      ].join("\n");
      await expectErrno("EPERM", perl("open", script, [path("file")]));
      expect((await bucket.get("file"))?.toString()).toBe("old");
    },
  },
  {
    name: "of several programs that overwrite one file at one time one does, and the others are EPERM",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old");
      const openings = Array.from({ length: 5 }, () => tree.open("file", O_WRONLY | O_TRUNC));
      const outcomes = await Promise.all(openings.map(outcomeOf));
      expect(sorted(outcomes)).toEqual(["EPERM", "EPERM", "EPERM", "EPERM", "success"]);
      const winner = openings[outcomes.indexOf("success")];
      if (winner === undefined) throw new Error("nobody could open the file");
      await withFile(winner, (file) => file.write(Buffer.from("new"), 0));
      expect((await bucket.get("file"))?.toString()).toBe("new");
    },
  },
];
