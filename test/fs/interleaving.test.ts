/**
 * Deleting and storing while answers of S3 are on their way, which may be older than the change or, as
 * S3 carries a request out before it answers, newer than what the mount knows of it.
 */

import { describe, expect, test } from "vitest";
import { ENOENT } from "../../src/base/errno.ts";

import {
  CALLER,
  createFile,
  errnoFrom,
  list,
  names,
  type Rig,
  ROOT,
  readReply,
  rig,
} from "./rig.ts";

const BELIEVING = { allowDelete: true, metadataTtl: { kind: "seconds", seconds: 3600 } } as const;
const FORGETTING = { allowDelete: true } as const;

async function kinds(setup: Rig, ino: number): Promise<string[]> {
  return (await list(setup, ino)).map(({ name, kind }) => `${kind} ${name}`);
}

describe.each([
  { ttl: "an hour", options: BELIEVING },
  { ttl: "a moment", options: FORGETTING },
])("a mount that believes S3 for $ttl", ({ options }) => {
  test("shows a directory while its last file is being deleted, however long that takes", async () => {
    const setup = rig(options);
    setup.bucket.store("b", "hidden");
    setup.bucket.store("b/a");
    const { ino } = (await setup.fs.lookup(ROOT, "b")).attributes;
    await setup.fs.lookup(ino, "a");
    const answer = setup.bucket.hold("delete");
    const unlinking = setup.fs.unlink(ino, "a");
    // S3 has carried it out.
    setup.bucket.remove("b/a");
    for (let time = 0; time < 3; time++) {
      expect(await kinds(setup, ROOT)).toEqual(["directory b"]);
      expect((await setup.fs.lookup(ROOT, "b")).attributes.ino).toBe(ino);
      setup.advance(2000);
    }
    answer();
    await unlinking;
    expect(await kinds(setup, ROOT)).toEqual(["directory b"]);
    await setup.fs.rmdir(ROOT, "b");
    expect((await setup.fs.lookup(ROOT, "b")).attributes.kind).toBe("file");
    expect(await kinds(setup, ROOT)).toEqual(["file b"]);
  });

  test("a directory that was listed before it was emptied is listed behind that, too", async () => {
    const setup = rig(options);
    setup.bucket.store("b/a");
    const { ino } = (await setup.fs.lookup(ROOT, "b")).attributes;
    await setup.fs.lookup(ino, "a");
    const arrive = setup.bucket.holdPages();
    const listing = kinds(setup, ROOT);
    await expect.poll(() => setup.bucket.requests).toContain("list ");
    await setup.fs.unlink(ino, "a");
    arrive();
    expect(await listing).toEqual(["directory b"]);
    expect(await kinds(setup, ROOT)).toEqual(["directory b"]);
  });

  test("a directory stays in which a file was stored since S3 was asked and had nothing", async () => {
    const setup = rig(options);
    setup.bucket.store("b", "hidden");
    setup.bucket.store("b/a");
    const { ino } = (await setup.fs.lookup(ROOT, "b")).attributes;
    const { fh } = await createFile(setup, ino, "new");
    await setup.fs.write(fh, 0, Buffer.from("new"));
    // Another client deletes what was there.
    setup.bucket.remove("b/a");
    setup.advance(3_600_001);
    setup.bucket.takeCounts();
    const arrive = setup.bucket.holdPages();
    const asking = [setup.fs.getattr(ino, undefined), setup.fs.lookup(ROOT, "b")];
    await expect.poll(() => setup.bucket.requests).toEqual(["list b/", "list b/"]);
    await setup.fs.flush(fh, CALLER);
    await setup.fs.release(fh);
    arrive();
    for (const asked of asking) expect((await asked).attributes.ino).toBe(ino);
    expect(await kinds(setup, ROOT)).toEqual(["directory b"]);
  });
});

test("a name that was put off, until no directory can have it, is not listed once it is deleted", async () => {
  const setup = rig(BELIEVING);
  setup.bucket.pageKeysMax = 3;
  for (const name of ["a", "a-", "a-.", "c"]) setup.bucket.store(name);
  const { fh } = await setup.fs.opendir(ROOT);
  const first = await readReply(setup, fh, { offset: 0, entriesMax: 3 });
  expect(first.map(({ name }) => name)).toEqual([".", "..", "a"]);
  await setup.fs.unlink(ROOT, "a-.");
  const rest = await readReply(setup, fh, { offset: 3, entriesMax: 9 });
  expect(rest.map(({ name }) => name)).toEqual(["a-", "c"]);
  setup.fs.releasedir(fh);
  expect(await names(setup, ROOT)).toEqual(["a", "a-", "c"]);
  expect(await errnoFrom(() => setup.fs.unlink(ROOT, "a-."))).toBe(ENOENT);
});
