/** The handshake with fusermount3: with the real helper where root may mount, and with broken ones. */

import { chmod, mkdtemp, realpath, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { fusermount, fusermountUnmount } from "../../src/fuse/fusermount.ts";
import { addon } from "../../src/native/index.ts";
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

describe("with auto-unmount", () => {
  test("a mount is usable, and ends as any other", async () => {
    toy = new ToyProcess(directory, { autoUnmount: true });
    await toy.hear("mounted");
    expect(isMounted(directory)).toBe(true);
    toy.order("unmount");
    expect(await toy.hear("closed")).toMatchObject({ failures: [] });
    expect(isMounted(directory)).toBe(false);
  });

  test("a mount is gone when its process has been killed", async () => {
    toy = new ToyProcess(directory, { autoUnmount: true });
    await toy.hear("mounted");
    await toy.kill();
    await expect.poll(() => isMounted(directory)).toBe(false);
  });
});

describe("a helper", () => {
  let programs: string;

  beforeEach(async () => {
    programs = await mkdtemp(join(tmpdir(), "fuse helper-"));
  });

  afterEach(async () => {
    await rm(programs, { recursive: true });
  });

  /** Puts a shell script in the place of fusermount3. */
  async function install(script: string): Promise<void> {
    const path = join(programs, "fusermount3");
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  }

  const mount = (): Promise<unknown> =>
    fusermount({
      addon: addon(),
      directory,
      options: "rw",
      searchPath: programs,
    });

  test("that is missing is told with the package that has it", async () => {
    await expect(mount()).rejects.toMatchObject({
      kind: "fusermount-missing",
      message: expect.stringContaining("apt-get install -y fuse3"),
    });
  });

  test("that refuses is quoted", async () => {
    await install('echo "fusermount3: mount failed: $4 is bad ($2)" >&2; exit 1');
    await expect(mount()).rejects.toMatchObject({
      kind: "fusermount-failed",
      message:
        `mounting at ${directory}: fusermount3: mount failed: ${directory} is bad (rw): mount as root, ` +
        'or see what "mount-s3-ts doctor" says',
    });
  });

  test("that wants user_allow_other is explained", async () => {
    await install(
      "echo \"option allow_other only allowed if 'user_allow_other' is set\" >&2; exit 1",
    );
    await expect(mount()).rejects.toMatchObject({
      kind: "allow-other-refused",
      message: expect.stringContaining("/etc/fuse.conf"),
    });
  });

  test.each([
    ["failed to open /dev/fuse: Permission denied", "no-device", "chmod 666 /dev/fuse"],
    ["failed to open /dev/fuse: No such file or directory", "no-device", "modprobe fuse"],
    ["fuse device not found, try 'modprobe fuse' first", "no-device", "--device /dev/fuse"],
    ["mount failed: Operation not permitted", "mount-refused", "--cap-add SYS_ADMIN"],
    ["user has no write access to mountpoint /d", "mount-refused", "chown"],
    ["mountpoint /d not owned by user", "mount-refused", "chown"],
    ["could not determine username", "mount-refused", "a line in /etc/passwd"],
    [
      "too many FUSE filesystems mounted; mount_max=N can be set in /etc/fuse.conf",
      "mount-refused",
      "unmount one",
    ],
    [
      "mounting over filesystem type 0x65735546 is forbidden",
      "mount-refused",
      "choose a directory on a disk",
    ],
  ])('that says "%s" is quoted, with what to do', async (printed, kind, remedy) => {
    await install(`echo "fusermount3: ${printed}" >&2; exit 1`);
    await expect(mount()).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(
        `^mounting at ${directory}: fusermount3: ${printed}: .*${remedy}`,
      ),
    });
  });

  test("that ends without a word is told as such", async () => {
    await install("exit 0");
    await expect(mount()).rejects.toMatchObject({
      kind: "fusermount-failed",
      message: expect.stringContaining("exit code 0"),
    });
  });

  test("that cannot unmount is quoted", async () => {
    await install('echo "fusermount3: $4 not found" >&2; exit 1');
    await expect(fusermountUnmount(directory, programs)).rejects.toMatchObject({
      kind: "unmount-failed",
      message: `unmounting ${directory}: fusermount3: ${directory} not found`,
    });
  });
});
