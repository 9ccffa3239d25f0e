/** Real programs at work on a mount over MinIO: their exit status is 0 and every byte is right. */

import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MIB } from "../../src/base/sizes.ts";
import { pattern, sha256 } from "../rigs/bytes.ts";
import { succeed } from "../rigs/child.ts";
import { MinioMount } from "../rigs/minio-mount.ts";
import { digestTree, makeTree } from "./file-tree.ts";

let mount: MinioMount;
/** A tree on the local disk, and what is in it. */
let source: string;
let digests: Readonly<Record<string, string>>;

beforeAll(async () => {
  mount = await MinioMount.start();
  source = mount.scratch.makeDirectory("source");
  await makeTree(source);
  digests = await digestTree(source);
});

afterAll(async () => {
  await mount.close();
});

describe("a tree", () => {
  test("copied with cp -r has the same content, and comes back the same", async () => {
    await succeed("cp", ["-r", source, mount.path("cp")]);
    expect(await digestTree(mount.path("cp"))).toEqual(digests);
    const back = mount.scratch.makeDirectory("back");
    await succeed("cp", ["-r", `${mount.path("cp")}/.`, back]);
    expect(await digestTree(back)).toEqual(digests);
    await rm(back, { recursive: true });
  });

  test("copied with cp -a has the same content", async () => {
    await succeed("cp", ["-a", source, mount.path("cp-a")]);
    expect(await digestTree(mount.path("cp-a"))).toEqual(digests);
  });

  test("copied with rsync -a, which renames what it has written, has the same content", async () => {
    await succeed("rsync", ["-a", `${source}/`, mount.path("rsync")]);
    expect(await digestTree(mount.path("rsync"))).toEqual(digests);
    const again = await succeed("rsync", [
      "-rc",
      "-i",
      "--delete",
      `${source}/`,
      mount.path("rsync"),
    ]);
    expect(again).toBe("");
  });

  test("packed by tar on the mount and unpacked there has the same content", async () => {
    const archive = mount.path("tree.tar");
    await succeed("tar", ["-cf", archive, "-C", source, "."]);
    await mkdir(mount.path("tar"));
    await succeed("tar", ["-xf", archive, "-C", mount.path("tar")]);
    expect(await digestTree(mount.path("tar"))).toEqual(digests);
  });

  test("read by tar from the mount has the same content", async () => {
    const archive = join(mount.scratch.makeDirectory("archive"), "tree.tar");
    await succeed("tar", ["-cf", archive, "-C", mount.path("tar"), "."]);
    const back = mount.scratch.makeDirectory("back");
    await succeed("tar", ["-xf", archive, "-C", back]);
    expect(await digestTree(back)).toEqual(digests);
    await rm(back, { recursive: true });
    await rm(archive);
  });

  test("is found by find as it is", async () => {
    const list = async (root: string): Promise<readonly string[]> => {
      const output = await succeed("find", [root, "-printf", "%P %y %s\\n"]);
      // Sizes of directories are a matter of the file system.
      return output
        .split("\n")
        .map((line) => line.replace(/ d \d+$/, " d"))
        .sort();
    };
    expect(await list(mount.path("cp"))).toEqual(await list(source));
  });

  test("is compared by diff -r without a difference", async () => {
    expect(await succeed("diff", ["-r", source, mount.path("cp")])).toBe("");
  });

  test("is checked by sha256sum -c", async () => {
    const files = Object.entries(digests).filter(([, digest]) => digest !== "directory");
    const sums = files.map(([path, digest]) => `${digest}  ./${path}\n`).join("");
    await writeFile(mount.path("SHA256SUMS"), sums);
    const output = await succeed("sha256sum", ["--quiet", "-c", mount.path("SHA256SUMS")], {
      cwd: mount.path("cp"),
    });
    expect(output).toBe("");
  });

  test("is searched by grep -r", async () => {
    await mkdir(mount.path("texts"));
    for (let index = 0; index < 40; index += 1) {
      const needle = index % 10 === 0 ? "needle" : "hay";
      const text = `${"hay\n".repeat(5_000)}${needle}\n${"hay\n".repeat(5_000)}`;
      await writeFile(mount.path(`texts/file-${String(index).padStart(2, "0")}`), text);
    }
    const output = await succeed("grep", ["-rn", "needle", mount.path("texts")]);
    expect(
      output
        .split("\n")
        .filter((line) => line !== "")
        .sort(),
    ).toEqual(
      [0, 10, 20, 30].map((index) => {
        const name = mount.path(`texts/file-${String(index).padStart(2, "0")}`);
        return `${name}:5001:needle`;
      }),
    );
  });

  test("is moved by mv", async () => {
    await succeed("mv", [mount.path("cp"), mount.path("moved")]);
    expect(await digestTree(mount.path("moved"))).toEqual(digests);
    expect(await readdir(mount.directory)).not.toContain("cp");
  });

  test("is deleted by rm -r, to the last key", async () => {
    for (const name of ["moved", "cp-a", "rsync", "tar", "texts"]) {
      await succeed("rm", ["-r", mount.path(name)]);
    }
    await succeed("rm", [mount.path("tree.tar"), mount.path("SHA256SUMS")]);
    expect(await readdir(mount.directory)).toEqual([]);
    expect(await mount.bucket.keys()).toEqual([]);
  });
});

test("rm -r deletes a tree that exists through its keys alone", async () => {
  for (const key of ["made/elsewhere/one", "made/elsewhere/deep/two", "made/three"]) {
    await mount.bucket.put(key, key);
  }
  await succeed("rm", ["-r", mount.path("made")]);
  expect(await mount.bucket.keys()).toEqual([]);
});

test("python reads, seeks and writes", async () => {
  const data = pattern(3_001, 12 * MIB);
  await mount.bucket.put("python.bin", data);
  const script = `
import hashlib, os, sys
root = sys.argv[1]
with open(os.path.join(root, "python.bin"), "rb") as f:
    head = f.read(100)
    f.seek(10_000_000)
    middle = f.read(1_000_000)
    f.seek(-1000, os.SEEK_END)
    tail = f.read()
    f.seek(0)
    whole = hashlib.sha256(f.read()).hexdigest()
with open(os.path.join(root, "out.txt"), "w") as f:
    for line in range(10_000):
        print("line", line, file=f)
print(hashlib.sha256(head + middle + tail).hexdigest(), whole)
`;
  const output = await succeed("python3", ["-c", script, mount.directory]);
  const pieces = [
    data.subarray(0, 100),
    data.subarray(10_000_000, 11_000_000),
    data.subarray(-1000),
  ];
  expect(output.trim()).toBe(`${sha256(Buffer.concat(pieces))} ${sha256(data)}`);
  const lines = Array.from({ length: 10_000 }, (_, line) => `line ${line}\n`).join("");
  expect(await readFile(mount.path("out.txt"), "utf8")).toBe(lines);
  expect((await mount.bucket.get("out.txt"))?.toString()).toBe(lines);
  await succeed("rm", [mount.path("python.bin"), mount.path("out.txt")]);
});

test("fifty readers at once each read the right bytes", async () => {
  const files = [0, 1, 2, 3, 4].map((index) => ({
    path: mount.path(`shared-${index}`),
    data: pattern(3_100 + index, 16 * MIB + index),
  }));
  for (const { path, data } of files) await writeFile(path, data);
  const readers = Array.from({ length: 50 }, async (_, index) => {
    const file = files[index % files.length];
    if (file === undefined) throw new Error("no file");
    const output = await succeed("sha256sum", [file.path]);
    expect(output.slice(0, 64)).toBe(sha256(file.data));
  });
  await Promise.all(readers);
  await succeed(
    "rm",
    files.map(({ path }) => path),
  );
}, 120_000);

test("dd writes more than 2 GiB and reads them back", async () => {
  const bytes = 2049 * MIB;
  // A key stream is as good as random, comes at gigabytes a second, and can be made again.
  const generate = `openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 0 < /dev/zero 2> /dev/null | head -c ${bytes}`;
  const path = mount.path("2-gib");
  const write = `${generate} | dd of="$1" bs=1M iflag=fullblock`;
  await succeed("sh", ["-c", write, "sh", path], { timeoutMs: 120_000 });
  expect(await mount.bucket.sizeOf("2-gib")).toBe(bytes);
  const compare = `${generate} | { dd if="$1" bs=1M | cmp - /dev/fd/3; } 3<&0`;
  await succeed("sh", ["-c", compare, "sh", path], { timeoutMs: 120_000 });
  await succeed("rm", [path]);
}, 240_000);

test("a stream of Node writes into the mount, and one reads from it", async () => {
  const data = pattern(3_200, 10 * MIB + 1);
  await pipeline(
    async function* () {
      for (let at = 0; at < data.length; at += 65_536) yield data.subarray(at, at + 65_536);
    },
    createWriteStream(mount.path("stream")),
  );
  const hash = createHash("sha256");
  await pipeline(createReadStream(mount.path("stream")), hash);
  expect(hash.digest("hex")).toBe(sha256(data));
  await succeed("rm", [mount.path("stream")]);
});
