/**
 * A mount that libfuse 2 serves, by way of the package fuse-native: from mounting to the end.
 *
 * fuse-native can neither tell that a mount has ended nor end one safely (it hands the directory to a
 * shell). So two signs are watched: the kernel's device of the mount, which goes with it, and the
 * descriptor that libfuse serves, which libfuse closes once all requests are answered.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { access, constants, readdir, readlink } from "node:fs/promises";

import type Fuse from "fuse-native";

import { assert } from "../base/assert.ts";
import { deferred } from "../base/deferred.ts";
import { messageOf } from "../base/log.ts";
import { findMount } from "../base/mountinfo.ts";
import { checkDirectory, fusermountUnmount, type Operations, UnmountGuard } from "../fuse/index.ts";
import { FuseNativeError } from "./error.ts";
import { libraryArgument, type SharingOptions } from "./library-options.ts";
import { PathOperations } from "./path-operations.ts";

const DEVICE = "/dev/fuse";
const DESCRIPTORS = "/proc/self/fd";
/** Has what the kernel keeps of each file system that is mounted, or detached and in use, by device. */
const BACKING_DEVICES = "/sys/class/bdi";
/** How soon the end of a mount is seen. */
const WATCH_MS = 200;
/** fuse-native copies paths and options into arrays of 1024 bytes. */
const ARGUMENT_BYTES_MAX = 1023;

export interface FuseNativeMountOptions extends SharingOptions {
  /** From `loadFuse`. */
  readonly Fuse: typeof Fuse;
  readonly directory: string;
  /** Unmount also when this process is killed. */
  readonly autoUnmount: boolean;
  readonly operations: Operations;
  /** The number that the kernel is to see for a failure of an operation. */
  readonly errnoOf: (error: unknown) => number;
}

/**
 * Mounts, and resolves when the kernel's first request was answered.
 * @throws FuseNativeError or FuseError, with a message for the person who asked
 */
export async function mountWithFuseNative(
  options: FuseNativeMountOptions,
): Promise<FuseNativeMount> {
  assert(!`${options.fsname}${options.subtype}`.includes(","), "mount options hold no comma");
  const directory = await checkDirectory(options.directory);
  const argument = libraryArgument(options, await checkEmptiness(directory));
  checkLength(directory);
  await checkDevice();
  const guard = options.autoUnmount ? await UnmountGuard.start(directory) : undefined;
  try {
    const broken = deferred<never>();
    broken.promise.catch(() => {});
    const operations = new PathOperations({ ...options, onBroken: broken.reject });
    const others = new Set(await deviceDescriptors());
    await mount(options, { directory, argument, operations });
    const fd = (await deviceDescriptors()).find((name) => !others.has(name));
    const device = findMount(directory)?.device;
    const backing = device === undefined ? undefined : `${BACKING_DEVICES}/${device}`;
    const isShown = backing !== undefined && existsSync(backing);
    return new FuseNativeMount({
      directory,
      device,
      backing: isShown ? backing : undefined,
      fd,
      guard,
      operations,
      broken,
    });
  } catch (error) {
    guard?.dismiss();
    throw error;
  }
}

interface Mounted {
  readonly directory: string;
  readonly device: string | undefined;
  /** Is there as long as the mount; undefined where the system does not show it. */
  readonly backing: string | undefined;
  /** The descriptor that libfuse serves; undefined when it is closed already. */
  readonly fd: string | undefined;
  readonly guard: UnmountGuard | undefined;
  readonly operations: PathOperations;
  readonly broken: { readonly promise: Promise<never> };
}

export class FuseNativeMount {
  readonly #mounted: Mounted;
  readonly #ended = deferred<void>();
  readonly #watch: NodeJS.Timeout;
  #isGone: boolean = false;

  constructor(mounted: Mounted) {
    this.#mounted = mounted;
    mounted.broken.promise.catch((error: unknown) => this.#end(error));
    this.#watch = setInterval(() => {
      this.#look().catch((error: unknown) => this.#end(error));
    }, WATCH_MS);
  }

  /** As "major:minor"; undefined when it was gone before it could be looked up. */
  get device(): string | undefined {
    return this.#mounted.device;
  }

  /** Resolves when the mount is gone or `close` was called; rejects when serving cannot go on. */
  get closed(): Promise<void> {
    return this.#ended.promise;
  }

  /** Zero when nothing is going on; inodes are kept until the end. */
  get gauges(): { readonly pendingRequests: number; readonly keptInodes: number } {
    const { pendingCount, inodeCount } = this.#mounted.operations;
    return { pendingRequests: pendingCount, keptInodes: inodeCount };
  }

  /**
   * Takes the mount out of the tree of directories; files that are open in it live on until they are
   * closed. Does nothing when it has been unmounted already.
   */
  async unmount(): Promise<void> {
    const { directory, device } = this.#mounted;
    await this.#look();
    const mount = findMount(directory);
    // Whoever mounts at the directory next has the number of its device, too.
    if (this.#isGone || mount === undefined || mount.device !== device) return;
    if (process.geteuid?.() === 0) await unmountAsRoot(directory);
    else await fusermountUnmount(directory);
  }

  /** Serves no longer: whoever has files open there gets an error from now on. Idempotent. */
  close(): void {
    this.#end();
  }

  /** To be called when the mount is gone, or given up. */
  dispose(): void {
    this.#mounted.guard?.dismiss();
  }

  async #look(): Promise<void> {
    const { backing, fd } = this.#mounted;
    const isHidden = backing !== undefined && !existsSync(backing);
    if (!isHidden && fd !== undefined && (await targetOf(fd)) === DEVICE) return;
    this.#isGone = true;
    this.#end();
  }

  #end(error?: unknown): void {
    clearInterval(this.#watch);
    this.#mounted.operations.close();
    if (error === undefined) this.#ended.resolve();
    else this.#ended.reject(error);
  }
}

/** Names in /proc/self/fd of what is open of /dev/fuse. */
async function deviceDescriptors(): Promise<readonly string[]> {
  const names = await readdir(DESCRIPTORS);
  const targets = await Promise.all(names.map(targetOf));
  return names.filter((_, index) => targets[index] === DEVICE);
}

/** What a descriptor is open on; "" when it is closed. */
async function targetOf(fd: string): Promise<string> {
  return readlink(`${DESCRIPTORS}/${fd}`).catch(() => "");
}

interface Mounting {
  readonly directory: string;
  readonly argument: string;
  readonly operations: PathOperations;
}

async function mount(options: FuseNativeMountOptions, mounting: Mounting): Promise<void> {
  const { directory, argument, operations } = mounting;
  class Mount extends options.Fuse {
    protected override _fuseOptions(): string {
      return argument;
    }
  }
  const done = deferred<void>();
  new Mount(directory, operations, { timeout: false }).mount((error) => {
    if (error === null) done.resolve();
    else done.reject(error);
  });
  try {
    await done.promise;
  } catch (error) {
    throw explainRefusal(directory, options, error);
  }
}

/** libfuse prints its reasons, and gives none to whoever calls it. */
function explainRefusal(
  directory: string,
  { allowOther, allowRoot }: SharingOptions,
  error: unknown,
): FuseNativeError {
  const remedies =
    process.geteuid?.() === 0
      ? ["a container must be started with --cap-add SYS_ADMIN --device /dev/fuse"]
      : [
          "users other than root need the program fusermount (Debian: apt-get install -y fuse3)",
          ...(allowOther || allowRoot
            ? [
                "--allow-other and --allow-root need the line user_allow_other in /etc/fuse.conf, " +
                  "which root has to put there",
              ]
            : []),
        ];
  return new FuseNativeError(
    "mount-refused",
    `mounting at ${directory}: libfuse 2 refused (${messageOf(error)}), and said why on standard ` +
      `error, which is seen with -f: ${remedies.join("; ")}`,
    { cause: error },
  );
}

/** Whether nothing is in `directory`; as a user other than root nothing may be. */
async function checkEmptiness(directory: string): Promise<boolean> {
  const isEmpty = (await readdir(directory)).length === 0;
  if (isEmpty || process.geteuid?.() === 0) return isEmpty;
  throw new FuseNativeError(
    "mount-refused",
    `mounting at ${directory}: it is not empty, and libfuse 2 mounts for users other than root on ` +
      "empty directories only: empty it, name another, or use --fuse-backend native",
  );
}

function checkLength(directory: string): void {
  const byteCount = Buffer.byteLength(directory);
  if (byteCount <= ARGUMENT_BYTES_MAX) return;
  throw new FuseNativeError(
    "mount-refused",
    `mounting at ${directory}: its path has ${byteCount} bytes, and fuse-native takes ` +
      `${ARGUMENT_BYTES_MAX} at most: name another directory or use --fuse-backend native`,
  );
}

async function checkDevice(): Promise<void> {
  try {
    await access(DEVICE, constants.R_OK | constants.W_OK);
  } catch (error) {
    const isDenied = error instanceof Error && "code" in error && error.code === "EACCES";
    const remedy = isDenied
      ? `root can let all users open it with "chmod 666 ${DEVICE}"`
      : 'load the kernel module with "modprobe fuse"';
    throw new FuseNativeError(
      "no-device",
      `opening ${DEVICE}: ${messageOf(error)}: ${remedy}; a container must be started with --device ${DEVICE}`,
      { cause: error },
    );
  }
}

async function unmountAsRoot(directory: string): Promise<void> {
  const child = spawn("umount", ["-l", "--", directory], { stdio: ["ignore", "ignore", "pipe"] });
  const printed: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => printed.push(chunk.toString()));
  try {
    const [code] = await once(child, "close");
    if (code === 0) return;
  } catch (error) {
    printed.push(messageOf(error));
  }
  // Somebody else was faster.
  if (findMount(directory) === undefined) return;
  throw new FuseNativeError(
    "unmount-failed",
    `unmounting ${directory}: ${printed.join("").trim()}`,
  );
}
