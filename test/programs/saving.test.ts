/**
 * Programs that change what is there, on mounts over MinIO: mv, which copies where it cannot rename,
 * and vim, which cannot save as it is used to and is told why by the log.
 */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import { MinioMount } from "../rigs/minio-mount.ts";
import { digestTree, makeTree } from "./file-tree.ts";

const CONTENT = "a line\n";

/** Opens a file in vim, adds "+" to its first line, and does `command`; what vim said of it. */
async function edit(mount: MinioMount, path: string, command: string): Promise<string> {
  const said = join(mount.scratch.makeDirectory("vim"), "said");
  // Its swap file, its memory and its settings are elsewhere.
  const vim = ["--not-a-term", "-T", "dumb", "-u", "NONE", "-i", "NONE", "-N", "-n"];
  const commands = [
    "set backupskip=",
    "normal A+",
    `redir! > ${said}`,
    `silent! ${command}`,
    "redir END",
    "quit!",
  ].flatMap((each) => ["-c", each]);
  await succeed("vim", [...vim, mount.path(path), ...commands]);
  return await readFile(said, "utf8");
}

/** The log is written behind the answer. */
const logs = (mount: MinioMount, line: RegExp) => expect.poll(() => mount.log()).toMatch(line);

describe("where everything is allowed", () => {
  let mount: MinioMount;
  beforeAll(async () => {
    mount = await MinioMount.start();
  });
  afterAll(async () => {
    await mount.close();
  });

  test("mv gives a file another name, and another one's name", async () => {
    await writeFile(mount.path("a"), "a");
    await succeed("mv", [mount.path("a"), mount.path("b")]);
    expect(await mount.bucket.keys()).toEqual(["b"]);
    await writeFile(mount.path("c"), "c");
    await succeed("mv", [mount.path("b"), mount.path("c")]);
    expect(await mount.bucket.keys()).toEqual(["c"]);
    expect((await mount.bucket.get("c"))?.toString()).toBe("a");
    await rm(mount.path("c"));
  });

  test("mv takes a tree to another directory, and to the local disk", async () => {
    const source = mount.scratch.makeDirectory("source");
    await makeTree(source);
    const digests = await digestTree(source);
    await succeed("cp", ["-r", source, mount.path("tree")]);
    await mkdir(mount.path("into"));
    await succeed("mv", [mount.path("tree"), mount.path("into")]);
    expect(await digestTree(mount.path("into/tree"))).toEqual(digests);
    const keys = await mount.bucket.keys();
    expect(keys.filter((key) => !key.startsWith("into/tree/"))).toEqual([]);

    const target = join(mount.scratch.makeDirectory("target"), "tree");
    await succeed("mv", [mount.path("into/tree"), target]);
    expect(await digestTree(target)).toEqual(digests);
    expect(await mount.bucket.keys()).toEqual([]);
    await succeed("rmdir", [mount.path("into")]);
  });

  test("vim cannot save in place all the same, and the log says what can", async () => {
    await mount.bucket.put("file", CONTENT);
    const said = await edit(mount, "file", "set backupcopy=yes | write");
    expect(said).toContain("E212: Can't open file for writing");
    expect((await mount.bucket.get("file"))?.toString()).toBe(CONTENT);
    await logs(mount, /open of "file" fails with EPERM: .*O_TRUNC \(vim: `:w !tee %`\)/);

    await edit(mount, "file", "write !tee %");
    expect((await mount.bucket.get("file"))?.toString()).toBe("a line+\n");
  });
});

describe("by default", () => {
  let mount: MinioMount;
  beforeAll(async () => {
    mount = await MinioMount.start([]);
  });
  afterAll(async () => {
    await mount.close();
  });

  test("mv moves nothing, and the log names the flag", async () => {
    await mount.bucket.put("kept", CONTENT);
    const { code, stderr } = await run("mv", [mount.path("kept"), mount.path("other")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot move/);
    expect(await mount.bucket.keys()).toEqual(["kept"]);
    await logs(mount, /rename of "kept" fails with ENOSYS: .*--allow-delete/);
  });

  test("vim writes a new file", async () => {
    await edit(mount, "new", "write");
    expect((await mount.bucket.get("new"))?.toString()).toBe("+\n");
  });

  test("vim cannot save a file that is there, and the log says why and which flag", async () => {
    await mount.bucket.put("file", CONTENT);
    const said = await edit(mount, "file", "set nowritebackup | write");
    expect(said).toContain("E212: Can't open file for writing");
    expect((await mount.bucket.get("file"))?.toString()).toBe(CONTENT);
    await logs(mount, /open of "file" fails with EPERM: overwriting needs .*--allow-overwrite/);
  });
});
