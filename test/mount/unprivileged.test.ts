/**
 * A user without privileges mounts through fusermount3, which owns the right to. /dev/fuse is opened
 * to all users while these tests run, as it is on most machines anyway.
 */

import { chmodSync, chownSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { Child, run, succeed } from "../rigs/child.ts";
import { expectRefusal } from "../rigs/command-run.ts";
import { environmentFor, mountCommand } from "../rigs/mount-process.ts";
import { repository } from "../rigs/paths.ts";
import { testAsRoot } from "../rigs/root.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";

const NOBODY = { uid: 65_534, gid: 65_534 };
const AS_NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
const EXIT_TIMEOUT_MS = 20_000;

const rootTest = testAsRoot("what users without privileges may do");

let scratch: Scratch;
let sandbox: SandboxProcess;
let bucket: BucketView;
/** The repository where everybody can read it, wherever it is really. */
let copy: string;
let node: string;
let deviceMode = 0;

beforeAll(async () => {
  scratch = new Scratch();
  chmodSync(scratch.directory, 0o755);
  copy = scratch.makeDirectory("repository");
  await succeed("mount", ["--bind", "-o", "ro", repository, copy]);
  node = join(scratch.makeDirectory("bin"), "node");
  writeFileSync(node, "");
  await succeed("mount", ["--bind", process.execPath, node]);
  sandbox = await SandboxProcess.start();
  bucket = new BucketView(clientOf(sandbox.endpoint), "test-bucket");
  await bucket.create();
  await bucket.put("file", "content");
  deviceMode = statSync("/dev/fuse").mode & 0o7777;
  chmodSync("/dev/fuse", 0o666);
});

afterAll(async () => {
  chmodSync("/dev/fuse", deviceMode);
  await sandbox.stop();
  await succeed("umount", [node, copy]);
  await scratch.close();
});

function directoryOfNobody(): string {
  const directory = scratch.makeDirectory("mount");
  chownSync(directory, NOBODY.uid, NOBODY.gid);
  return directory;
}

const BY_EACH = ["--fuse-backend=native", "--fuse-backend=fuse-native"] as const;

/** The program's words, run from the copy. */
function command(directory: string, args: readonly string[] = []): readonly string[] {
  const words = mountCommand({ endpoint: sandbox.endpoint, bucket: bucket.name, directory, args });
  return [join(copy, "dist/program/main.js"), ...words.slice(1)];
}

async function mountAsNobody(directory: string, args: readonly string[] = []): Promise<Child> {
  const child = new Child(node, [...command(directory, args), "-f"], {
    ...NOBODY,
    cwd: "/",
    env: environmentFor(sandbox.endpoint),
  });
  await child.waitForOutput(/is mounted at/);
  return child;
}

async function asNobody(program: string, args: readonly string[]): Promise<string> {
  return succeed(program, args, { ...NOBODY, cwd: "/" });
}

rootTest.each(BY_EACH)(
  "a user mounts, reads and writes as the owner, and unmounts: %s",
  async (by) => {
    const directory = directoryOfNobody();
    const child = await mountAsNobody(directory, [by]);
    expect(await asNobody("cat", [join(directory, "file")])).toBe("content");
    expect(await asNobody("stat", ["-c", "%u %g %a", join(directory, "file")])).toBe(
      "65534 65534 644\n",
    );
    await asNobody("sh", ["-c", 'echo new > "$1"', "sh", join(directory, "new")]);
    expect((await bucket.get("new"))?.toString()).toBe("new\n");
    await bucket.delete("new");
    await asNobody("fusermount3", ["-u", directory]);
    expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  },
);

rootTest("a user lists and unmounts with our own commands, and root sees the mount", async () => {
  const directory = directoryOfNobody();
  const child = await mountAsNobody(directory);
  const main = join(copy, "dist/program/main.js");
  const env = environmentFor(sandbox.endpoint);
  for (const user of [NOBODY, { uid: 0, gid: 0 }]) {
    const listed = await run(node, [main, "list", "--json"], { ...user, cwd: "/", env });
    expect(JSON.parse(listed.stdout)).toContainEqual(
      expect.objectContaining({ directory, bucket: bucket.name, pid: child.pid, state: "serving" }),
    );
  }
  const work = ["-c", 'cd "$1" && echo there && exec sleep 60', "sh", directory];
  const worker = new Child("sh", work, { ...NOBODY, cwd: "/" });
  await worker.waitForOutput(/there\n/);
  const words = [main, "unmount", directory];
  const unmounting = new Child(node, words, { ...NOBODY, cwd: "/", env });
  await expect.poll(() => unmounting.stderr).toContain("(sleep) works in it");
  worker.signal("SIGTERM");
  await worker.exited;
  expect((await unmounting.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
  expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
});

rootTest("a user is told that the mount of another is not theirs to unmount", async () => {
  const directory = directoryOfNobody();
  const child = await mountAsNobody(directory);
  const other = { uid: 65_533, gid: 65_533, cwd: "/", env: environmentFor(sandbox.endpoint) };
  const refused = await run(
    node,
    [join(copy, "dist/program/main.js"), "unmount", directory],
    other,
  );
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(/^mount-s3-ts: unmounting .*\n$/);
  await asNobody("fusermount3", ["-u", directory]);
  expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
});

rootTest.each(BY_EACH)(
  "the mount of a user is closed to all others, root included: %s",
  async (by) => {
    const directory = directoryOfNobody();
    const child = await mountAsNobody(directory, [by]);
    await expect(readFile(join(directory, "file"))).rejects.toMatchObject({ code: "EACCES" });
    const other = await run("cat", [join(directory, "file")], {
      uid: 65_533,
      gid: 65_533,
      cwd: "/",
    });
    expect(other.stderr).toContain("Permission denied");
    child.signal("SIGTERM");
    expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
    expect(scratch.mounts()).not.toContain(directory);
  },
);

rootTest.each(BY_EACH)(
  "--auto-unmount clears the mount of a process that was killed: %s",
  async (by) => {
    const directory = directoryOfNobody();
    const child = await mountAsNobody(directory, ["--auto-unmount", by]);
    expect(await asNobody("ls", [directory])).toBe("file\n");
    child.signal("SIGKILL");
    await child.exited;
    await expect.poll(() => scratch.mounts()).not.toContain(directory);
  },
);

rootTest("--noexec is passed on to fusermount3, read-only mounts likewise", async () => {
  const directory = directoryOfNobody();
  const child = await mountAsNobody(directory, ["-o", "noexec,ro"]);
  const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  const [, , , options = ""] =
    lines.find((line) => line.includes(` ${directory} `))?.split(" ") ?? [];
  expect(options.split(",")).toEqual(expect.arrayContaining(["ro", "noexec", "nosuid", "nodev"]));
  child.signal("SIGTERM");
  expect((await child.exitWithin(EXIT_TIMEOUT_MS)).code).toBe(0);
});

rootTest.each(BY_EACH)(
  "--allow-other is refused where fuse.conf does not allow it, with what to write there: %s",
  async (by) => {
    const directory = directoryOfNobody();
    const empty = join(scratch.makeDirectory("etc"), "fuse.conf");
    writeFileSync(empty, "# nothing is allowed\n");
    const script = `mount --bind "${empty}" /etc/fuse.conf\nexec setpriv ${AS_NOBODY.join(" ")} "$@"`;
    await expectRefusal(
      scratch,
      {
        command: "unshare",
        args: [
          "--mount",
          "sh",
          "-ec",
          script,
          "sh",
          node,
          ...command(directory, ["--allow-other", by]),
        ],
        env: environmentFor(sandbox.endpoint),
      },
      { status: 1, says: [/allow.other/, /user_allow_other/, /\/etc\/fuse\.conf/] },
    );
  },
);

rootTest.each(BY_EACH)(
  "a user who may not open /dev/fuse is told what root can do: %s",
  async (by) => {
    const directory = directoryOfNobody();
    const device = join(scratch.makeDirectory("dev"), "fuse");
    const script = `mknod -m 600 "${device}" c 10 229
    mount --bind "${device}" /dev/fuse
    exec setpriv ${AS_NOBODY.join(" ")} "$@"`;
    await expectRefusal(
      scratch,
      {
        command: "unshare",
        args: ["--mount", "sh", "-ec", script, "sh", node, ...command(directory, [by])],
        env: environmentFor(sandbox.endpoint),
      },
      { status: 1, says: [/\/dev\/fuse: .*permission denied/i, "chmod 666 /dev/fuse"] },
    );
  },
);

rootTest("a user cannot mount over a directory with something in it by libfuse 2", async () => {
  const directory = directoryOfNobody();
  writeFileSync(join(directory, "below"), "");
  await expectRefusal(
    scratch,
    {
      command: "setpriv",
      args: [...AS_NOBODY, node, ...command(directory, ["--fuse-backend=fuse-native"])],
      env: environmentFor(sandbox.endpoint),
    },
    { status: 1, says: [directory, "not empty", "--fuse-backend native"] },
  );
});

rootTest("a directory of somebody else is refused, and named", async () => {
  const directory = scratch.makeDirectory("mount");
  await expectRefusal(
    scratch,
    {
      command: "setpriv",
      args: [...AS_NOBODY, node, ...command(directory)],
      env: environmentFor(sandbox.endpoint),
    },
    { status: 1, says: [directory, /permi|access|own/i] },
  );
});

rootTest("a /dev/fuse that only root may open is named, with the remedy", async () => {
  const directory = directoryOfNobody();
  chmodSync("/dev/fuse", 0o600);
  try {
    await expectRefusal(
      scratch,
      {
        command: "setpriv",
        args: [...AS_NOBODY, node, ...command(directory)],
        env: environmentFor(sandbox.endpoint),
      },
      { status: 1, says: [/\/dev\/fuse/, /permi|chmod/i] },
    );
  } finally {
    chmodSync("/dev/fuse", 0o666);
  }
});
