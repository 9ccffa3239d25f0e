/** The whole layer with the real addon and the real kernel; the server is in a process of its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { isRoot } from "../rigs/root.ts";
import { isMounted, ToyProcess } from "./toy-process.ts";

let directory: string;
let toy: ToyProcess | undefined;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "fuse mount-")));
});

afterEach(async () => {
  await toy?.clear();
  toy = undefined;
  await rmdir(directory);
});

interface Started {
  readonly process: ToyProcess;
  readonly readAheadKib: number;
}

async function start(flags?: Readonly<Record<string, unknown>>): Promise<Started> {
  const process = new ToyProcess(directory, flags);
  toy = process;
  const { readAheadKib } = await process.hear<{ readonly readAheadKib: number }>("mounted");
  return { process, readAheadKib };
}

/** Starts a mount that is expected to fail, and returns why. */
async function failure(path: string, flags?: Readonly<Record<string, unknown>>): Promise<unknown> {
  const process = new ToyProcess(path, flags);
  try {
    return await process.hear("failed");
  } finally {
    await process.kill();
  }
}

const at = (name: string): string => join(directory, name);

/** The exit code and signal of a program that is sent `signals` once the toy says that it hangs. */
async function interrupted(
  { process }: Started,
  command: readonly [string, ...string[]],
  signals: readonly NodeJS.Signals[],
): Promise<readonly unknown[]> {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: "ignore" });
  const exited = once(child, "exit");
  await process.hear("hanging");
  for (const signal of signals) child.kill(signal);
  return await exited;
}

describe("a mount", () => {
  test("is a directory like any other", async () => {
    const { process } = await start();
    expect((await readdir(directory)).sort()).toEqual(["Grüße", "hang", "hello", "slow", "stuck"]);
    expect(await readFile(at("hello"), "utf8")).toBe("hello, world\n");
    expect(await readFile(at("Grüße"), "utf8")).toBe("\u{1F44B}");
    expect((await readFile(at("slow"))).equals(Buffer.alloc(3_000_000, "0123456789"))).toBe(true);

    const written = Buffer.from(Array.from({ length: 2_500_000 }, (_, i) => (i * 7) % 251));
    await mkdir(at("d"));
    await writeFile(at("d/slow-file"), written);
    await writeFile(at("d/file"), written);
    expect((await readFile(at("d/slow-file"))).equals(written)).toBe(true);
    expect((await readFile(at("d/file"))).equals(written)).toBe(true);
    await rename(at("d/file"), at("moved"));
    expect(await readdir(at("d"))).toEqual(["slow-file"]);
    await truncate(at("moved"), 10);
    await utimes(at("moved"), new Date(1000), new Date(-1500));
    expect(await stat(at("moved"))).toMatchObject({ size: 10, mtimeMs: -1500, blksize: 4096 });
    await expect(rmdir(at("d"))).rejects.toMatchObject({ code: "ENOTEMPTY" });
    await unlink(at("d/slow-file"));
    await rmdir(at("d"));
    await expect(stat(at("d"))).rejects.toMatchObject({ code: "ENOENT" });
    expect(await statfs(directory)).toMatchObject({ bsize: 4096, blocks: 1000, bavail: 400 });
    await expect(symlink("a", at("link"))).rejects.toMatchObject({ code: "EPERM" });

    expect(await process.report()).toMatchObject({
      open: 0,
      lent: 0,
      failures: [],
      pendingRequests: 0,
      keptPayloads: 0,
    });
  });

  test("creates a file in one round trip, and reads ahead by a mebibyte", async () => {
    const { process, readAheadKib } = await start();
    expect(readAheadKib).toBe(isRoot ? 2048 : 128);
    await writeFile(at("new"), "x");
    const { calls } = await process.report();
    expect(calls).toMatchObject({ create: 1, write: 1 });
    expect(calls).not.toHaveProperty("mknod");
    expect(calls).not.toHaveProperty("open");
  });

  test("moves a mebibyte in one request, both ways", async () => {
    const { process } = await start();
    const bytes = Buffer.alloc(4 * 1024 * 1024, 5);
    const file = await open(at("new"), "wx");
    await file.write(bytes);
    await file.close();
    const { calls: before } = await process.report();
    expect(before["write"]).toBe(4);
    expect((await readFile(at("new"))).equals(bytes)).toBe(true);
    const { calls } = await process.report();
    // Others than root cannot raise the read-ahead of 128 KiB.
    expect(calls["read"]).toBeLessThanOrEqual(isRoot ? 8 : 32);
  });

  test("shows what changed behind the kernel's back once that is told", async () => {
    const { process } = await start();
    expect(await readFile(at("hello"), "utf8")).toBe("hello, world\n");
    process.order({ replace: "hello", text: "changed" });
    await process.hear("replaced");
    expect(await readFile(at("hello"), "utf8")).toBe("changed");
    process.order({ remove: "hello" });
    await process.hear("removed");
    await expect(stat(at("hello"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("refuses to reserve space, and writes nothing", async () => {
    await start();
    const reserve = [
      "import os, sys",
      "fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)",
      "try: os.posix_fallocate(fd, 0, 100000)",
      "except OSError as e: sys.exit(e.errno)",
    ].join("\n");
    const child = spawn("python3", ["-c", reserve, at("new")], { stdio: "inherit" });
    expect(await once(child, "exit")).toEqual([22, null]);
    expect(await stat(at("new"))).toMatchObject({ size: 0 });
  });
});

describe("a program that hangs in the mount", () => {
  const stuck = (): string => at("stuck");

  test("can be ended by a signal, and what it waited for is forgotten", async () => {
    const started = await start();
    expect(await interrupted(started, ["stat", stuck()], ["SIGINT"])).toEqual([null, "SIGINT"]);
    expect(await started.process.report()).toMatchObject({ pendingRequests: 1 });
    started.process.order("unstick");
    expect(await started.process.report()).toMatchObject({ pendingRequests: 0, held: {} });
  });

  test("can be killed also after a signal that it handles", async () => {
    const script = `process.on("SIGUSR2", () => {}); fs.statSync(${JSON.stringify(stuck())})`;
    const program = [process.execPath, "-e", script] as const;
    const started = await start();
    const end = await interrupted(started, program, ["SIGUSR2", "SIGKILL"]);
    expect(end).toEqual([null, "SIGKILL"]);
  });
});

describe("the end of a mount", () => {
  test("that was unmounted from outside ends the session", async () => {
    const { process } = await start();
    await readFile(at("hello"));
    const unmount = spawn("umount", [directory], { stdio: "inherit" });
    expect(await once(unmount, "exit")).toEqual([0, null]);
    expect(await process.hear("closed")).toMatchObject({ failures: [], open: 0, lent: 0 });
  });

  test("by its own process leaves nothing behind", async () => {
    const { process } = await start();
    process.order("unmount");
    expect(await process.hear("closed")).toMatchObject({ failures: [] });
    expect(isMounted(directory)).toBe(false);
  });

  test("waits for files that are still open", async () => {
    const { process } = await start();
    const file = await open(at("slow"));
    process.order("unmount");
    await process.hear("unmounted");
    expect(await process.report()).toMatchObject({ open: 1 });
    expect(isMounted(directory)).toBe(false);
    const { bytesRead } = await file.read(Buffer.alloc(100), 0, 100, 2_000_000);
    expect(bytesRead).toBe(100);
    await file.close();
    // The kernel drops what it has not sent with the mount, be it the RELEASE of this file.
    expect(await process.hear("closed")).toMatchObject({ failures: [], lent: 0 });
  });

  test("by a kill is told by the next one who mounts there", async () => {
    const { process } = await start();
    await process.kill();
    await expect(stat(directory)).rejects.toMatchObject({ code: "ENOTCONN" });
    expect(await failure(directory)).toEqual({
      kind: "dead-mount",
      message: expect.stringContaining(`umount -l ${directory}`),
    });
  });
});

describe("a directory that cannot be mounted on", () => {
  test("is refused with a message that names it", async () => {
    const file = `${directory}-file`;
    await writeFile(file, "");
    try {
      expect(await failure(file)).toMatchObject({ kind: "not-a-directory" });
      expect(await failure(join(file, "below"))).toMatchObject({ kind: "not-a-directory" });
      expect(await failure(`${directory}-missing`)).toEqual({
        kind: "directory-missing",
        message: `mount point ${directory}-missing does not exist: create it first`,
      });
    } finally {
      await rm(file);
    }
  });

  test("is one that is mounted already, also by way of a link", async () => {
    await start();
    const link = `${directory}-link`;
    await symlink(directory, link);
    try {
      expect(await failure(directory)).toEqual({
        kind: "already-mounted",
        message: expect.stringContaining(`${directory} is already mounted (fuse.toy-fs)`),
      });
      expect(await failure(link)).toMatchObject({ kind: "already-mounted" });
    } finally {
      await unlink(link);
    }
  });
});
