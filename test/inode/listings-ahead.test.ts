/** Which directories are listed before they are opened, and that nobody is told anything outdated for it. */

import { describe, expect, test } from "vitest";
import { CALLER, list, names, type Rig, ROOT, rig, writeFile } from "../fs/rig.ts";

const COUNT = 30;
/** Longer than a listing may wait to be used. */
const TOO_OLD_MS = 101;
/** From one directory to the next: longer than a program takes that does nothing but list a tree. */
const SLOW_MS = 60;
/** Behind a failure, nothing is listed ahead for a shorter time. */
const PAUSE_MS = 5001;

function nameOf(index: number): string {
  return `d${String(index).padStart(2, "0")}`;
}

/** Lets what was asked for arrive. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

class Tree {
  readonly setup: Rig;
  /** By name, of the directories in the root. */
  readonly inos = new Map<string, number>();

  constructor(options: Parameters<typeof rig>[0] = {}, kind?: "directory") {
    this.setup = rig(options, kind);
    for (let i = 0; i < COUNT; i++) this.setup.bucket.store(`${nameOf(i)}/file`, "content");
  }

  async listRoot(): Promise<void> {
    for (const { ino, name } of await list(this.setup, ROOT, { plus: true })) {
      this.inos.set(name, ino);
    }
  }

  async namesIn(name: string): Promise<string[]> {
    return await names(this.setup, this.inos.get(name) ?? 0, { plus: true });
  }

  /** Lists the root, and the directories in it from the first on. */
  async walk(count: number): Promise<void> {
    await this.listRoot();
    await this.walkOn(0, count);
  }

  async walkOn(from: number, to: number): Promise<void> {
    for (const name of [...this.inos.keys()].slice(from, to)) {
      expect(await this.namesIn(name), name).toEqual(["file"]);
      await settled();
    }
  }

  /** How many LISTs there were since this was asked last. */
  takeListCount(): number {
    return this.setup.bucket.takeCounts().list ?? 0;
  }
}

describe("which directories are listed ahead", () => {
  test("those that a walk through the tree comes to, once each", async () => {
    const tree = new Tree();
    await tree.walk(10);
    expect(tree.takeListCount()).toBeGreaterThan(1 + 10 + 5);
    await tree.walkOn(10, COUNT);
    const again = tree.setup.bucket.requests;
    expect(new Set(again).size).toBe(again.length);
    expect(again.length).toBeLessThanOrEqual(COUNT - 10 - 5);
  });

  test("those in the next directory, when that has been read", async () => {
    const { setup } = new Tree();
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 5; b++) setup.bucket.store(`deep/a${a}/b${b}/file`, "content");
    }
    const entries = await list(setup, ROOT, { plus: true });
    const found: string[] = [];
    const descend = async (ino: number): Promise<void> => {
      await settled();
      for (const entry of await list(setup, ino, { plus: true })) {
        found.push(entry.name);
        if (entry.kind === "directory") await descend(entry.ino);
      }
    };
    for (const { ino } of entries) await descend(ino);
    expect(found.filter((name) => name === "file").length).toBe(COUNT + 15);
    expect(setup.bucket.takeCounts()).toEqual({ list: 1 + COUNT + 1 + 3 + 15 });
  });

  test("in a directory bucket, in the order in which they were told", async () => {
    const tree = new Tree({}, "directory");
    await tree.walk(COUNT);
    expect(tree.takeListCount()).toBe(1 + COUNT);
  });

  test("none before three were opened in order", async () => {
    const tree = new Tree();
    await tree.walk(2);
    expect(tree.takeListCount()).toBe(1 + 2);
  });

  test("none where they are opened out of order", async () => {
    const tree = new Tree();
    await tree.listRoot();
    for (const index of [7, 3, 11, 2, 29, 0, 20, 5]) await tree.namesIn(nameOf(index));
    expect(tree.takeListCount()).toBe(1 + 8);
  });

  test("none for who takes long from one to the next", async () => {
    const tree = new Tree();
    await tree.listRoot();
    for (let i = 0; i < 10; i++) {
      tree.setup.advance(SLOW_MS);
      await tree.walkOn(i, i + 1);
    }
    expect(tree.takeListCount()).toBe(1 + 10);
  });

  test("no more than were opened in order, and sixteen", async () => {
    for (const opened of [3, 6, 12]) {
      const tree = new Tree();
      await tree.walk(opened);
      expect(tree.takeListCount(), `${opened}`).toBeLessThanOrEqual(1 + 2 * opened);
    }
    const tree = new Tree();
    await tree.walk(20);
    tree.takeListCount();
    tree.setup.advance(TOO_OLD_MS);
    await tree.namesIn(nameOf(20));
    expect(tree.takeListCount()).toBe(1);
  });

  test("none behind some that came too early, until eleven more were opened in order", async () => {
    const tree = new Tree();
    await tree.walk(5);
    tree.setup.advance(TOO_OLD_MS);
    await tree.walkOn(5, 6);
    tree.takeListCount();
    await tree.walkOn(6, 16);
    expect(tree.takeListCount()).toBe(10);
    await tree.walkOn(16, 20);
    expect(tree.takeListCount()).toBeGreaterThan(4);
  });

  test("none with --no-fetch-ahead", async () => {
    const tree = new Tree({ fetchAhead: false });
    await tree.walk(20);
    expect(tree.takeListCount()).toBe(1 + 20);
  });
});

describe("what was listed ahead is told", () => {
  test("to one who opens the directory, and asked for again by the next", async () => {
    const tree = new Tree();
    await tree.walk(10);
    const next = nameOf(10);
    tree.setup.bucket.store(`${next}/later`, "content");
    tree.takeListCount();
    expect(await tree.namesIn(next)).toEqual(["file"]);
    expect(await tree.namesIn(next)).toEqual(["file", "later"]);
  });

  test("for a tenth of a second: behind that, what others did meanwhile is seen", async () => {
    const tree = new Tree();
    await tree.walk(10);
    tree.setup.bucket.store(`${nameOf(10)}/later`, "content");
    tree.setup.advance(TOO_OLD_MS);
    expect(await tree.namesIn(nameOf(10))).toEqual(["file", "later"]);
  });

  test("not for a whole second where its answer took that long", async () => {
    const tree = new Tree();
    await tree.walk(9);
    const arrive = tree.setup.bucket.holdPages();
    await tree.walkOn(9, 10);
    tree.setup.advance(1000);
    tree.setup.bucket.store(`${nameOf(10)}/later`, "content");
    const listed = tree.namesIn(nameOf(10));
    await settled();
    arrive();
    expect(await listed).toContain("file");
    expect(tree.setup.bucket.requests.filter((each) => each === "list d10/").length).toBe(2);
  });

  test("with its other pages asked for when they are read", async () => {
    const tree = new Tree();
    for (let i = 0; i < 10; i++) tree.setup.bucket.store(`${nameOf(10)}/x${i}`, "content");
    await tree.listRoot();
    tree.setup.bucket.pageKeysMax = 4;
    await tree.walkOn(0, 10);
    expect(await tree.namesIn(nameOf(10))).toHaveLength(11);
  });

  const changes: Record<string, (setup: Rig, ino: number) => unknown> = {
    "made a file there": (setup, ino) => writeFile(setup, ino, "made", "content"),
    "made a directory there": ({ fs }, ino) => fs.mkdir(ino, "made", 0o755),
    "made a directory there, and stored a file in that": async (setup, ino) => {
      const made = await setup.fs.mkdir(ino, "made", 0o755);
      await writeFile(setup, made.attributes.ino, "file", "content");
    },
    "began a file there": ({ fs }, ino) =>
      fs.create(ino, "made", { mode: 0o100644, flags: 1, caller: CALLER }),
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`unless this mount ${what}`, async () => {
      const tree = new Tree();
      await tree.walk(10);
      await change(tree.setup, tree.inos.get(nameOf(10)) ?? 0);
      expect(await tree.namesIn(nameOf(10))).toEqual(["file", "made"]);
    });
  }

  test("unless this mount deleted something there", async () => {
    const tree = new Tree({ allowDelete: true });
    tree.setup.bucket.store(`${nameOf(10)}/other`, "content");
    await tree.walk(10);
    const ino = tree.inos.get(nameOf(10)) ?? 0;
    await tree.setup.fs.lookup(ino, "file");
    await tree.setup.fs.unlink(ino, "file");
    expect(await tree.namesIn(nameOf(10))).toEqual(["other"]);
  });

  test("unless this mount stored something below, where others had removed all", async () => {
    const tree = new Tree();
    const next = nameOf(10);
    tree.setup.bucket.store(`${next}/sub/file`, "content");
    await tree.listRoot();
    const ino = tree.inos.get(next) ?? 0;
    const sub = await tree.setup.fs.lookup(ino, "sub");
    tree.setup.bucket.remove(`${next}/sub/file`);
    await tree.walkOn(0, 10);
    await writeFile(tree.setup, sub.attributes.ino, "made", "content");
    expect(await tree.namesIn(next)).toEqual(["file", "sub"]);
  });
});

describe("a listing ahead that fails", () => {
  test("is told to nobody, and nothing is listed ahead for a while", async () => {
    const tree = new Tree();
    await tree.walk(3);
    tree.takeListCount();
    tree.setup.bucket.failNext("list", "throttled");
    await tree.walkOn(3, 4);
    tree.takeListCount();
    // Two that were there before, and one that was asked for together with that which failed.
    const underway = 3;
    await tree.walkOn(4, 20);
    expect(tree.takeListCount()).toBe(16 - underway);
    tree.setup.advance(PAUSE_MS);
    await tree.listRoot();
    await tree.walkOn(0, 10);
    expect(tree.takeListCount()).toBeGreaterThan(1 + 10);
  });

  test("while somebody waits for it is asked for again", async () => {
    const tree = new Tree();
    await tree.walk(3);
    tree.setup.bucket.failNext("list", "network");
    const answer = tree.setup.bucket.hold("list");
    const fourth = tree.namesIn(nameOf(3));
    await settled();
    const fifth = tree.namesIn(nameOf(4));
    await settled();
    answer();
    expect(await fourth).toEqual(["file"]);
    expect(await fifth).toEqual(["file"]);
  });

  test("again fails the reader, as without", async () => {
    const tree = new Tree();
    await tree.walk(10);
    tree.setup.advance(TOO_OLD_MS);
    tree.setup.bucket.failNext("list", "access-denied");
    await expect(tree.namesIn(nameOf(10))).rejects.toThrow("the test says so");
    expect(await tree.namesIn(nameOf(10))).toEqual(["file"]);
  });
});
