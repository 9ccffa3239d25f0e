/** Programs that read what is in the bucket, each in its own way, on a mount over MinIO. */

import { copyFile, mkdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pattern, sha256 } from "../rigs/bytes.ts";
import { Child, run, succeed } from "../rigs/child.ts";
import { MinioMount } from "../rigs/minio-mount.ts";
import { digestTree, makeTree } from "./file-tree.ts";

let mount: MinioMount;
/** On the local disk: where things are made, and what is in the tree there. */
let local: string;
let source: string;
let digests: Readonly<Record<string, string>>;

beforeAll(async () => {
  mount = await MinioMount.start();
  local = mount.scratch.makeDirectory("local");
  source = join(local, "tree");
  await mkdir(source);
  await makeTree(source);
  digests = await digestTree(source);
  await succeed("cp", ["-r", source, mount.path("tree")]);
});

afterAll(async () => {
  await mount.close();
});

/** The files of the tree with their sums. */
const sumsOfFiles = (): readonly (readonly [path: string, digest: string])[] =>
  Object.entries(digests).filter(([, digest]) => digest !== "directory");

describe("a repository of git on the mount", () => {
  /** Runs git without the settings of whoever runs the tests. */
  const git = async (directory: string, ...args: readonly string[]): Promise<string> =>
    await succeed("git", ["-C", directory, ...args], {
      env: {
        PATH: process.env["PATH"],
        HOME: local,
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_AUTHOR_NAME: "A",
        GIT_AUTHOR_EMAIL: "a@example.com",
        GIT_COMMITTER_NAME: "C",
        GIT_COMMITTER_EMAIL: "c@example.com",
      },
    });
  const LOG = ["log", "--stat", "--format=%H %s"];

  beforeAll(async () => {
    await git(local, "init", "-q", "-b", "main", "repository");
    const repository = join(local, "repository");
    for (let change = 1; change <= 8; change++) {
      await writeFile(join(repository, `file-${change % 3}`), pattern(4_000 + change, 200_000));
      await git(repository, "add", ".");
      await git(repository, "commit", "-q", "-m", `change ${change}`);
    }
    await git(local, "clone", "-q", "--bare", "repository", "bare.git");
    await succeed("cp", ["-r", repository, join(local, "bare.git"), mount.directory]);
  });

  test("shows its log, its differences and no change", async () => {
    const repository = join(local, "repository");
    for (const args of [LOG, ["diff", "--stat", "HEAD~3"], ["status", "--short"]]) {
      expect(await git(mount.path("repository"), ...args)).toBe(await git(repository, ...args));
    }
    await git(mount.path("bare.git"), "fsck", "--full", "--strict");
  });

  test("is cloned", async () => {
    await git(local, "clone", "-q", mount.path("bare.git"), "cloned");
    await git(join(local, "cloned"), "fsck", "--full", "--strict");
    expect(await git(join(local, "cloned"), ...LOG)).toBe(
      await git(join(local, "repository"), ...LOG),
    );
  });

  test("lends its objects to a clone made with --reference", async () => {
    const bare = `file://${join(local, "bare.git")}`;
    await git(local, "clone", "-q", "--reference", mount.path("bare.git"), bare, "borrowing");
    const clone = join(local, "borrowing");
    expect(await git(clone, "count-objects", "-v")).toMatch(/^in-pack: 0$/m);
    await git(clone, "fsck", "--full", "--strict");
    expect(await git(clone, ...LOG)).toBe(await git(join(local, "repository"), ...LOG));
    expect(await git(clone, "status", "--short")).toBe("");
  });
});

describe("an archive", () => {
  const MEMBERS = ["data/large.bin", "src/main.c", "empty", "src/lib/ünïcödé 🐈.txt"];

  beforeAll(async () => {
    const script = `
import os, sys, zipfile
root, target = sys.argv[1:3]
with zipfile.ZipFile(target, "w") as archive:
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            method = zipfile.ZIP_STORED if name.endswith(".bin") else zipfile.ZIP_DEFLATED
            archive.write(path, os.path.relpath(path, root), method)
`;
    await succeed("python3", ["-c", script, source, join(local, "tree.zip")]);
    await succeed("cp", [join(local, "tree.zip"), mount.path("tree.zip")]);
  });

  test("is tested by unzip, and unpacked from the mount to the mount", async () => {
    await succeed("unzip", ["-tq", mount.path("tree.zip")]);
    await succeed("unzip", ["-q", mount.path("tree.zip"), "-d", mount.path("unzipped")]);
    expect(await digestTree(mount.path("unzipped"))).toEqual(digests);
  });

  test("gives python its members, and ranges of them, in any order", async () => {
    const script = `
import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in sys.argv[2:]:
        print(hashlib.sha256(archive.read(name)).hexdigest())
    with archive.open(sys.argv[2]) as member:
        for offset, count in ((15_000_000, 100_000), (3, 1), (20_000_000, 70_000), (9_999_999, 2)):
            member.seek(offset)
            print(hashlib.sha256(member.read(count)).hexdigest())
`;
    const large = await readFile(join(source, "data/large.bin"));
    const output = await succeed("python3", ["-c", script, mount.path("tree.zip"), ...MEMBERS]);
    const ranges = [
      [15_000_000, 100_000],
      [3, 1],
      [20_000_000, 70_000],
      [9_999_999, 2],
    ] as const;
    expect(output.trim().split("\n")).toEqual([
      ...MEMBERS.map((name) => digests[name]),
      ...ranges.map(([from, count]) => sha256(large.subarray(from, from + count))),
    ]);
  });

  test("is listed and unpacked by tar, one member of it too", async () => {
    await succeed("tar", ["-czf", join(local, "tree.tar.gz"), "-C", source, "."]);
    await copyFile(join(local, "tree.tar.gz"), mount.path("tree.tar.gz"));
    const target = mount.scratch.makeDirectory("tar");
    await succeed("tar", ["-xzf", mount.path("tree.tar.gz"), "-C", target, "./src/main.c"]);
    expect((await digestTree(target))["src/main.c"]).toBe(digests["src/main.c"]);
    await succeed("tar", ["-df", mount.path("tree.tar.gz"), "-C", source]);
  });
});

describe("a database of sqlite3", () => {
  const dump = (path: string): Promise<string> =>
    succeed("sqlite3", [`file:${path}`, "PRAGMA integrity_check", ".dump"]);

  beforeAll(async () => {
    const statements = `
      CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
      WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000)
        INSERT INTO t SELECT x, hex(x * 7919 % 65521) || '-' || x FROM c;
      CREATE INDEX tb ON t(b);`;
    await succeed("sqlite3", [join(local, "data.db"), statements]);
    await succeed("sqlite3", [
      join(local, "wal.db"),
      `PRAGMA journal_mode = WAL; ${statements} PRAGMA wal_checkpoint(TRUNCATE);`,
    ]);
    await succeed("cp", [join(local, "data.db"), join(local, "wal.db"), mount.directory]);
  });

  test.each([
    ["with immutable=1", "data.db", "immutable=1"],
    ["with mode=ro", "data.db", "mode=ro"],
    ["with immutable=1 where it keeps a write-ahead log", "wal.db", "immutable=1"],
  ])("is opened read-only %s, and is whole", async (_, name, parameter) => {
    const expected = await dump(join(local, name));
    expect(expected.split("\n")[0]).toBe("ok");
    expect(await dump(`${mount.path(name)}?${parameter}`)).toBe(expected);
  });

  test("answers by its index", async () => {
    const uri = `file:${mount.path("data.db")}?immutable=1`;
    const output = await succeed("sqlite3", [uri, "SELECT a FROM t WHERE b GLOB '*-19999'"]);
    expect(output).toBe("19999\n");
  });

  test("cannot be written, and stays as it was", async () => {
    const statement = "INSERT INTO t(b) VALUES ('more')";
    const { code } = await run("sqlite3", [mount.path("data.db"), statement]);
    expect(code).not.toBe(0);
    const expected = await readFile(join(local, "data.db"));
    expect((await mount.bucket.get("data.db"))?.equals(expected)).toBe(true);
  });
});

test("md5sum sums what is there", async () => {
  const paths = sumsOfFiles().map(([path]) => path);
  const sums = await succeed("md5sum", paths, { cwd: source });
  expect(await succeed("md5sum", paths, { cwd: mount.path("tree") })).toBe(sums);
});

test("du tells the bytes of all files", async () => {
  const sizes = sumsOfFiles().map(async ([path]) => (await stat(join(source, path))).size);
  const byteCount = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  const output = await succeed("du", ["-s", "--bytes", mount.path("tree")]);
  expect(output).toBe(`${byteCount}\t${mount.path("tree")}\n`);
});

test("find -newer tells older from newer files", async () => {
  const first = mount.path("times/first");
  await mount.bucket.put("times/first", "first");
  const { mtimeMs } = await stat(first);
  // S3 tells whole seconds.
  await expect
    .poll(async () => {
      await mount.bucket.put("times/second", `${Date.now()}`);
      return (await stat(mount.path("times/second"))).mtimeMs;
    })
    .toBeGreaterThan(mtimeMs);
  const newer = (than: string): Promise<string> =>
    succeed("find", [mount.path("times"), "-type", "f", "-newer", than, "-printf", "%P\n"]);
  expect(await newer(first)).toBe("second\n");
  expect(await newer(mount.path("times/second"))).toBe("");

  const mark = join(local, "mark");
  await writeFile(mark, "");
  await utimes(mark, mtimeMs / 1000 - 1, mtimeMs / 1000 - 1);
  expect((await newer(mark)).trim().split("\n").sort()).toEqual(["first", "second"]);
});

test("a file keeps the time that was told first, however it is asked for", async () => {
  const path = mount.path("timed");
  await writeFile(path, "content");
  const { mtimeMs } = await stat(path);
  const told = new Set<number>();
  const until = Date.now() + 1_500;
  while (Date.now() < until) {
    await succeed("ls", ["-l", mount.directory]);
    told.add((await stat(path)).mtimeMs);
  }
  expect([...told]).toEqual([mtimeMs]);
});

describe("tail", () => {
  const LINES = Array.from({ length: 5_000 }, (_, line) => `line ${line}\n`);

  test("shows the end of a file", async () => {
    await mount.bucket.put("lines", LINES.join(""));
    const path = mount.path("lines");
    expect(await succeed("tail", ["-n", "3", path])).toBe(LINES.slice(-3).join(""));
    expect(await succeed("tail", ["-c", "7", path])).toBe("e 4999\n");
    expect(await succeed("tail", ["-n", "+4999", path])).toBe(LINES.slice(-2).join(""));
  });

  test("-f stays with the version that it opened, and -F goes over to the next", async () => {
    const path = mount.path("followed");
    await mount.bucket.put("followed", "one\n");
    const [staying, following] = ["-f", "-F"].map(
      (how) => new Child("tail", [how, "-s", "0.1", path]),
    );
    if (staying === undefined || following === undefined) throw new Error("no tail");
    await Promise.all([staying, following].map((tail) => tail.waitForOutput(/one\n/)));

    await mount.bucket.put("followed", "one\ntwo\n");
    await following.waitForOutput(/two\n/);
    for (const tail of [staying, following]) tail.signal("SIGTERM");
    await Promise.all([staying.exited, following.exited]);
    expect(staying.stdout).toBe("one\n");
    expect(following.stdout).toBe("one\none\ntwo\n");
    expect(following.stderr).toContain("has been replaced");
  });
});
