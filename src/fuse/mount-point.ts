/**
 * Makes a directory a mount: as root by mount(2), otherwise through fusermount3. What comes back is
 * a descriptor that `serve` is to serve; until it does, whoever touches the directory waits.
 */

import { readFileSync, writeFileSync } from "node:fs";

import { assert } from "../base/assert.ts";
import { EINVAL, EPERM } from "../base/errno.ts";
import { type Log, messageOf } from "../base/log.ts";
import { findMount } from "../base/mountinfo.ts";
import { systemError } from "../base/system-error.ts";
import type { Addon } from "../native/index.ts";
import { checkDirectory } from "./directory-check.ts";
import { FuseError } from "./error.ts";
import { fusermount, fusermountUnmount, type HandshakeAddon } from "./fusermount.ts";
import { explainDevice, explainMount } from "./refusals.ts";
import { UnmountGuard } from "./unmount-guard.ts";

/** mount(2) flags of <sys/mount.h>. */
const MS_RDONLY = 1;
const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;
const MS_NOATIME = 1024;
/** umount2(2) flags. */
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** What the kernel reads ahead of a sequential reader: one READ under way while one is taken. */
const READ_AHEAD_KIB = 2048;

export type MountAddon = HandshakeAddon &
  Pick<Addon, "openDevice" | "mount" | "unmount" | "setNonBlocking">;

export interface MountDirectoryOptions {
  readonly addon: MountAddon;
  readonly log: Log;
  readonly directory: string;
  /** What df and mount show as the device, and the type behind "fuse.": no commas in either. */
  readonly fsname: string;
  readonly subtype: string;
  readonly readOnly: boolean;
  /** No program may be started from it. */
  readonly noExec: boolean;
  /** Users other than the mounting one may come in. */
  readonly allowOther: boolean;
  /** Root alone may come in as well: see `MountPoint.allowedUids`. */
  readonly allowRoot: boolean;
  /** Unmount also when this process is killed. */
  readonly autoUnmount: boolean;
}

/**
 * Mounts.
 * @throws FuseError with a message for the person who asked: what is wrong and what to do
 */
export async function mountDirectory(options: MountDirectoryOptions): Promise<MountPoint> {
  assert(!`${options.fsname}${options.subtype}`.includes(","), "mount options hold no comma");
  const directory = await checkDirectory(options.directory);
  const isRoot = process.geteuid?.() === 0;
  const guard = options.autoUnmount ? await UnmountGuard.start(directory) : undefined;
  try {
    const fd = isRoot
      ? mountDirectly(options, directory)
      : await fusermount({
          addon: options.addon,
          directory,
          options: fusermountOptions(options),
        });
    options.addon.setNonBlocking(fd, true);
    const mount = findMount(directory);
    return new MountPoint(options, { directory, fd, guard, device: mount?.device });
  } catch (error) {
    guard?.dismiss();
    throw error;
  }
}

interface Mounted {
  readonly directory: string;
  readonly fd: number;
  readonly guard?: UnmountGuard | undefined;
  readonly device: string | undefined;
}

/** A directory that is mounted, until it is unmounted by us or by anyone. */
export class MountPoint {
  /** Absolute and without links; what names the descriptor where somebody else mounted. */
  readonly directory: string;
  /** Of /dev/fuse, non-blocking. `close` closes it. */
  readonly fd: number;
  /**
   * For `serve`, with allowRoot. The kernel has no such option: it is told to let all users in, and
   * the session refuses those who are not in this list. Undefined otherwise.
   */
  readonly allowedUids: readonly number[] | undefined;
  readonly #addon: MountAddon;
  readonly #log: Log;
  /** As mountinfo has it. Undefined when the mount was gone before it could be looked up. */
  readonly device: string | undefined;
  readonly #guard: UnmountGuard | undefined;
  #closed: boolean = false;

  constructor(
    options: Pick<MountDirectoryOptions, "addon" | "log" | "allowRoot">,
    mounted: Mounted,
  ) {
    this.directory = mounted.directory;
    this.fd = mounted.fd;
    this.allowedUids = options.allowRoot ? [0, ownIds().uid] : undefined;
    this.#addon = options.addon;
    this.#log = options.log;
    this.device = mounted.device;
    this.#guard = mounted.guard;
  }

  /**
   * Lets the kernel read ahead by two of its largest READs; from 128 KiB to one of them, a sequential
   * read costs a third less, and with two it takes 7 % less time. Call it when the session is initialized: INIT lowers the value again.
   * Only root may, so it is tried and no more. Returns the KiB in effect, undefined if unknown.
   */
  raiseReadAhead(): number | undefined {
    if (this.device === undefined) return undefined;
    const path = `/sys/class/bdi/${this.device}/read_ahead_kb`;
    try {
      writeFileSync(path, String(READ_AHEAD_KIB));
    } catch (error) {
      this.#log.debug(`the kernel's read-ahead stays as it is: ${messageOf(error)}`);
    }
    try {
      const kib = Number.parseInt(readFileSync(path, "latin1"), 10);
      this.#log.debug(`the kernel reads ahead by ${kib} KiB`);
      return kib;
    } catch {
      return undefined;
    }
  }

  /**
   * Takes the mount out of the tree of directories; files that are open in it live on until they are
   * closed, and only then the session ends. Does nothing when it has been unmounted already, or closed:
   * whoever mounts at the directory next has the number of its device, too.
   * @throws FuseError when the system refuses
   */
  async unmount(): Promise<void> {
    const mount = findMount(this.directory);
    if (this.#closed || mount === undefined || mount.device !== this.device) return;
    const result = this.#addon.unmount(this.directory, MNT_DETACH | UMOUNT_NOFOLLOW);
    // EINVAL: someone else was faster. EPERM: we are not root.
    if (result === 0 || result === -EINVAL) return;
    if (result !== -EPERM) {
      throw new FuseError(
        "unmount-failed",
        `unmounting ${this.directory}: ${systemError(-result)}`,
      );
    }
    await fusermountUnmount(this.directory);
  }

  /** Closes the descriptor, which aborts the mount if there still is one. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#addon.closeDescriptor(this.fd);
    this.#guard?.dismiss();
  }
}

function ownIds(): { readonly uid: number; readonly gid: number } {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

/** The descriptor of the mount. */
function mountDirectly(options: MountDirectoryOptions, directory: string): number {
  const { addon, fsname, subtype, readOnly, noExec } = options;
  const fd = addon.openDevice();
  if (fd < 0) throw explainDevice(fd);
  const { uid, gid } = ownIds();
  const identity = `fd=${fd},rootmode=40000,user_id=${uid},group_id=${gid}`;
  const data = [identity, ...sharing(options)].join(",");
  const asked = (readOnly ? MS_RDONLY : 0) | (noExec ? MS_NOEXEC : 0);
  const flags = MS_NOSUID | MS_NODEV | MS_NOATIME | asked;
  const result = addon.mount(fsname, directory, `fuse.${subtype}`, flags, data);
  if (result === 0) return fd;
  addon.closeDescriptor(fd);
  throw explainMount(directory, data, result);
}

/** As behind fusermount3's -o; it adds nosuid and nodev by itself. */
function fusermountOptions(options: MountDirectoryOptions): string {
  const { fsname, subtype, readOnly, noExec } = options;
  return [
    readOnly ? "ro" : "rw",
    ...(noExec ? ["noexec"] : []),
    "nosuid,nodev,noatime",
    `fsname=${fsname},subtype=${subtype}`,
    ...sharing(options),
  ].join(",");
}

/** Access is decided by the kernel, from the modes we report. */
function sharing({ allowOther, allowRoot }: MountDirectoryOptions): readonly string[] {
  return ["default_permissions", ...(allowOther || allowRoot ? ["allow_other"] : [])];
}
