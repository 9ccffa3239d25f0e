/** What is asked of the system for a mount, and what is said when it refuses. */

import { mkdtemp, realpath, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { silentLog } from "../../src/base/log.ts";
import { findMount } from "../../src/base/mountinfo.ts";
import { type MountAddon, MountPoint, mountDirectory } from "../../src/fuse/mount-point.ts";

const FD = 77;

let directory: string;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "fuse mount-")));
  vi.spyOn(process, "geteuid").mockReturnValue(0);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rmdir(directory);
});

/** A system that grants everything, but for what `overrides` answer; nothing is really mounted. */
function system(overrides: Partial<MountAddon> = {}) {
  const addon = {
    openDevice: vi.fn(() => FD),
    mount: vi.fn(() => 0),
    unmount: vi.fn(() => 0),
    socketPair: vi.fn(() => -24),
    receiveDescriptor: vi.fn(() => -32),
    setNonBlocking: vi.fn(() => 0),
    closeDescriptor: vi.fn(() => 0),
    ...overrides,
  } satisfies MountAddon;
  const mount = (options: Partial<Parameters<typeof mountDirectory>[0]> = {}) =>
    mountDirectory({
      addon,
      log: silentLog,
      directory,
      fsname: "mount-s3-ts",
      subtype: "mount-s3-ts",
      readOnly: false,
      noExec: false,
      allowOther: false,
      allowRoot: false,
      autoUnmount: false,
      ...options,
    });
  return { addon, mount };
}

describe("mounting as root", () => {
  const ids = `user_id=${process.getuid?.()},group_id=${process.getgid?.()}`;

  test.each([
    [{}, 2 | 4 | 1024, "", undefined],
    [{ readOnly: true }, 1 | 2 | 4 | 1024, "", undefined],
    [{ noExec: true }, 2 | 4 | 8 | 1024, "", undefined],
    [{ allowOther: true }, 2 | 4 | 1024, ",allow_other", undefined],
    [{ allowRoot: true }, 2 | 4 | 1024, ",allow_other", [0, process.getuid?.()]],
  ])("with %j asks for just that", async (options, flags, more, allowedUids) => {
    const { addon, mount } = system();
    const mounted = await mount(options);
    expect(addon.mount).toHaveBeenCalledExactlyOnceWith(
      "mount-s3-ts",
      directory,
      "fuse.mount-s3-ts",
      flags,
      `fd=${FD},rootmode=40000,${ids},default_permissions${more}`,
    );
    expect(addon.setNonBlocking).toHaveBeenCalledExactlyOnceWith(FD, true);
    expect(mounted).toMatchObject({ directory, fd: FD, allowedUids });
  });

  test("is undone by close, once", async () => {
    const { addon, mount } = system();
    const mounted = await mount();
    mounted.close();
    mounted.close();
    expect(addon.closeDescriptor).toHaveBeenCalledExactlyOnceWith(FD);
  });

  test("unmounts nothing where this mount is not", async () => {
    const { addon, mount } = system();
    const mounted = await mount();
    await mounted.unmount();
    expect(addon.unmount).not.toHaveBeenCalled();
    expect(mounted.raiseReadAhead()).toBeUndefined();
  });

  test("unmounts nothing any more once it is closed", async () => {
    const { addon } = system();
    const there = { fd: FD, directory: "/", device: findMount("/")?.device };
    const mounted = new MountPoint({ addon, log: silentLog, allowRoot: false }, there);
    await mounted.unmount();
    expect(addon.unmount).toHaveBeenCalledOnce();
    mounted.close();
    await mounted.unmount();
    expect(addon.unmount).toHaveBeenCalledOnce();
  });
});

describe("a system that refuses", () => {
  test.each([
    ["without a device", -2, "no-device", "modprobe fuse"],
    ["without the module", -19, "no-device", "modprobe fuse"],
    ["in a container without the device", -1, "no-device", "--device /dev/fuse"],
    ["to open the device", -13, "no-device", "--device /dev/fuse"],
  ])("%s is told as such", async (_, result, kind, remedy) => {
    const { mount } = system({ openDevice: () => result });
    await expect(mount()).rejects.toMatchObject({ kind, message: expect.stringContaining(remedy) });
  });

  test.each([
    ["the right to mount", -1, "mount-refused", "--cap-add SYS_ADMIN"],
    ["by its security module", -13, "mount-refused", "apparmor"],
    ["for want of FUSE", -19, "no-device", "modprobe fuse"],
    ["options", -22, "mount-refused", `user_id=${process.getuid?.()}`],
    ["options, which says the errno", -22, "mount-refused", "EINVAL (invalid argument)"],
    ["a busy directory", -16, "mount-refused", "EBUSY (resource busy or locked): choose another"],
    ["for a reason of its own", -5, "mount-refused", "EIO (i/o error): try another directory"],
    ["with a number that has no name", -4000, "mount-refused", "errno 4000: try"],
  ])("%s is told as such, and the device is closed", async (_, result, kind, remedy) => {
    const { addon, mount } = system({ mount: () => result });
    await expect(mount()).rejects.toMatchObject({ kind, message: expect.stringContaining(remedy) });
    expect(addon.closeDescriptor).toHaveBeenCalledExactlyOnceWith(FD);
  });

  test("another user, who has to go through fusermount3, is told what failed there", async () => {
    vi.spyOn(process, "geteuid").mockReturnValue(1000);
    const { addon, mount } = system();
    await expect(mount()).rejects.toMatchObject({ kind: "fusermount-failed" });
    expect(addon.openDevice).not.toHaveBeenCalled();
  });
});
