/** Scenarios of `--allow-overwrite`: an object is replaced as a whole, when its writer closes. */

import { constants } from "node:fs";
import { expect } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern, sha256 } from "../rigs/bytes.ts";
import { expectErrno, type Scenario, withFile } from "./scenario.ts";
import { readWhole, writeOn } from "./whole-file.ts";

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
      expect(sha256((await bucket.get("file")) ?? Buffer.alloc(0))).toBe(sha256(data));
      expect(sha256(await readWhole(tree, "file"))).toBe(sha256(data));
      expect(await bucket.uploads()).toEqual([]);
    },
  },
  {
    name: "an object that is truncated and closed becomes empty",
    flags,
    async run({ tree, bucket }) {
      await bucket.put("file", "old content");
      await withFile(tree.open("file", O_WRONLY | O_CREAT | O_TRUNC), async () => {});
      await expect.poll(() => bucket.sizeOf("file"), { timeout: 5_000 }).toBe(0);
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
      await expect.poll(reopened, { timeout: 5_000 }).toBe("overwritten");
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
];
