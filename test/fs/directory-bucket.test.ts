/** What is different where S3 lists in no order, and lists what is being uploaded. */

import { expect, test } from "vitest";
import { EINVAL } from "../../src/base/errno.ts";
import { CALLER, createFile, errnoFrom, list, names, ROOT, rig } from "./rig.ts";

const LATER_MS = 2000;

test("a directory that was made here stays when what was being uploaded into it fails", async () => {
  const setup = rig({}, "directory");
  const { fs, advance } = setup;
  const made = await fs.mkdir(ROOT, "made", 0o755);
  const { fh } = await createFile(setup, made.attributes.ino, "file");
  await fs.write(fh, 0, Buffer.from("content"));
  expect(await names(setup, ROOT)).toEqual(["made"]);

  expect(await errnoFrom(() => fs.write(fh, 0, Buffer.from("again")))).toBe(EINVAL);
  await errnoFrom(() => fs.flush(fh, CALLER));
  await fs.release(fh);
  advance(LATER_MS);
  expect(await names(setup, ROOT)).toEqual(["made"]);
  expect((await fs.lookup(ROOT, "made")).attributes.ino).toBe(made.attributes.ino);
  await fs.rmdir(ROOT, "made");
});

test("a directory that was made here is not removed when others have stored something in it", async () => {
  const setup = rig({}, "directory");
  const { fs } = setup;
  const made = await fs.mkdir(ROOT, "made", 0o755);
  const { fh } = await createFile(setup, made.attributes.ino, "file");
  await fs.write(fh, 0, Buffer.from("content"));
  setup.bucket.store("made/theirs", "theirs");
  await names(setup, ROOT);
  await errnoFrom(() => fs.write(fh, 0, Buffer.from("again")));
  await fs.release(fh);
  expect(await errnoFrom(() => fs.rmdir(ROOT, "made"))).not.toBe(0);
  expect(await names(setup, made.attributes.ino)).toEqual(["theirs"]);
});

test.each([1, 2, 3])(
  "a directory keeps its inode though an object has its name, listed by %i",
  async (pageKeysMax) => {
    const setup = rig({}, "directory");
    const { bucket, fs, advance } = setup;
    bucket.pageKeysMax = pageKeysMax;
    const both = ["a", "b", "c", "d"];
    for (const name of both) {
      bucket.store(name, "an object");
      bucket.store(`${name}/below`, "");
    }
    const inos = async (): Promise<readonly number[]> => {
      const found = await Promise.all(both.map((name) => fs.lookup(ROOT, name)));
      return found.map(({ attributes }) => attributes.ino);
    };
    const known = await inos();
    advance(LATER_MS);
    const listed = await list(setup, ROOT, { plus: true });
    expect(listed.map(({ kind }) => kind)).toEqual(both.map(() => "directory"));
    expect(await inos()).toEqual(known);
  },
);

test.each([1, 2, 3])(
  "what was listed as an object is the directory that comes later, listed by %i",
  async (pageKeysMax) => {
    const setup = rig({ metadataTtl: { kind: "seconds", seconds: 60 } }, "directory");
    const { bucket, fs } = setup;
    bucket.pageKeysMax = pageKeysMax;
    const both = ["a", "b", "c", "d"];
    for (const name of both) {
      bucket.store(name, "an object");
      bucket.store(`${name}/below`, "");
    }
    const listed = await list(setup, ROOT, { plus: true });
    expect(listed).toHaveLength(both.length);
    for (const { name, kind } of listed) {
      expect((await fs.lookup(ROOT, name)).attributes.kind).toBe("directory");
      if (kind === "file") expect(setup.invalidated).toContain(`${ROOT} ${name} expire`);
    }
  },
);
