/**
 * The addon against the kernel: mounts made and served by `mounted.mjs` in a child process, read from
 * here. Messages between the two order the steps, so that nothing depends on time.
 */

import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { EINVAL } from "../../src/base/errno.ts";
import { addon } from "../../src/native/index.ts";
import { isRoot, testAsRoot } from "../rigs/root.ts";

const ECANCELED = 125;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const FILE_BYTES = 1 << 20;

const rootTest = testAsRoot("mounts that are made with mount(2)");

let directory: string;
let server: ChildProcess | undefined;
let said: Record<string, unknown>[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "native-mount-"));
  said = [];
});

afterEach(async () => {
  if (isRoot) addon().unmount(directory, MNT_DETACH | UMOUNT_NOFOLLOW);
  else spawnSync("fusermount3", ["-u", "-z", "-q", "--", directory]);
  const running = server;
  server = undefined;
  if (running !== undefined && running.exitCode === null && running.signalCode === null) {
    running.kill("SIGKILL");
    await once(running, "exit");
  }
  await rm(directory, { recursive: true });
});

function start(how: "direct" | "clone" | "fusermount"): ChildProcess {
  const child = fork(fileURLToPath(new URL("mounted.mjs", import.meta.url)), [how, directory], {
    execArgv: [],
  });
  child.on("message", (message) => said.push(message as Record<string, unknown>));
  server = child;
  return child;
}

/** The first message that has `key`, already said or to come; fails when the server ends instead. */
async function hear(child: ChildProcess, key: string): Promise<unknown> {
  for (;;) {
    const index = said.findIndex((message) => key in message);
    if (index >= 0) return said.splice(index, 1)[0]?.[key];
    if (!child.connected) throw new Error(`the server ended without saying ${key}`);
    await Promise.race([once(child, "message"), once(child, "disconnect")]);
  }
}

async function unmountAndEnd(child: ChildProcess): Promise<unknown> {
  child.send("unmount");
  const [result] = await Promise.all([hear(child, "unmounted"), once(child, "exit")]);
  expect(child.exitCode).toBe(0);
  return result;
}

/** Reads the whole file through the mount and checks every byte. */
async function readAndVerify(): Promise<void> {
  const bytes = await readFile(join(directory, "file"));
  expect(bytes.length).toBe(FILE_BYTES);
  const wrong = bytes.findIndex((byte, i) => byte !== ((i * 31 + (i >> 12)) & 0xff));
  expect(wrong).toBe(-1);
}

describe("a mount", () => {
  test.for(isRoot ? (["direct", "clone", "fusermount"] as const) : (["fusermount"] as const))(
    "made the %s way serves a file and ends when it is unmounted",
    async (how) => {
      const child = start(how);
      await hear(child, "ready");
      await Promise.all([readAndVerify(), stat(directory), readAndVerify()]);
      await expect(stat(join(directory, "nothing"))).rejects.toMatchObject({ code: "ENOENT" });
      expect(await unmountAndEnd(child)).toBe(0);
    },
  );

  rootTest("unmounted from outside ends its server", async () => {
    const child = start("direct");
    await hear(child, "ready");
    const exited = once(child, "exit");
    expect(addon().unmount(directory, MNT_DETACH | UMOUNT_NOFOLLOW)).toBe(0);
    expect(await exited).toEqual([0, null]);
    expect(addon().unmount(directory, UMOUNT_NOFOLLOW)).toBe(-EINVAL);
  });
});

describe("a notification", () => {
  rootTest("reaches the kernel", async () => {
    const child = start("direct");
    await hear(child, "ready");
    await readAndVerify();
    child.send("notify");
    expect(await hear(child, "notified")).toBe(0);
    await readAndVerify();
    await unmountAndEnd(child);
  });

  rootTest(
    "that the kernel holds back until a READ is answered does not hold back the loop",
    async () => {
      const child = start("direct");
      await hear(child, "ready");
      child.send("hold");
      await hear(child, "holding");
      const reading = readAndVerify();
      await hear(child, "held");
      child.send("notifyHeld");
      await hear(child, "notifying");
      // Answered by the loop while the notification waits in the kernel for the page of that READ.
      await expect(stat(join(directory, "nothing"))).rejects.toMatchObject({ code: "ENOENT" });
      expect(said.some((message) => "notified" in message)).toBe(false);
      child.send("letGo");
      await reading;
      expect(await hear(child, "notified")).toBe(0);
      await unmountAndEnd(child);
    },
  );

  rootTest(
    "that the kernel holds back does not hold back closing, nor the end of the process",
    async () => {
      const child = start("direct");
      await hear(child, "ready");
      child.send("hold");
      await hear(child, "holding");
      const reading = readFile(join(directory, "file"));
      await hear(child, "held");
      const exited = once(child, "exit");
      child.send("abandon");
      await expect(reading).rejects.toThrow();
      expect(await hear(child, "abandoned")).toBe(-ECANCELED);
      expect(await exited).toEqual([0, null]);
    },
  );
});
