/**
 * The kernel's end of a mount, whichever back end serves it: the addon, or libfuse 2 by way of the
 * package fuse-native.
 */

import { assert } from "../base/assert.ts";
import type { Log } from "../base/log.ts";
import { absentMsOf, errnoOf } from "../fs/index.ts";
import {
  adoptDevice,
  type MountPoint,
  mountDirectory,
  type Operations,
  type SessionOptions,
  serve,
} from "../fuse/index.ts";
import { loadFuse, mountWithFuseNative } from "../fuse-native/index.ts";
import { type Addon, addon, addonIfAny, addonOrPortable, type Portable } from "../native/index.ts";
import { MountError } from "./error.ts";
import type { MountOptions } from "./options.ts";
import { defaultBusyPoll } from "./processors.ts";

/** What df and mount show. */
const NAMES = { fsname: "mount-s3-ts", subtype: "mount-s3-ts" } as const;

/** A mount that is served. */
export interface KernelEnd {
  /** The mount's, as "major:minor"; undefined when it was gone before it could be looked up. */
  readonly device: string | undefined;
  /** Resolves when the mount is gone or `close` was called; rejects when serving cannot go on. */
  readonly closed: Promise<void>;
  /** What is going on, for the log. */
  readonly gauges: Readonly<Record<string, number>>;
  /** Makes the kernel forget that `name` is in `parent`; absent where it believes no names. */
  invalidateEntry?(parent: number, name: string, expireOnly?: boolean): Promise<void>;
  /** Makes it drop the pages that it has of a file; absent where it keeps none. */
  invalidatePages?(ino: number): Promise<void>;
  /** Takes the mount out of the tree of directories, unless somebody has done so already. */
  unmount(): Promise<void>;
  /** Serves no longer, so that whoever still has files open there gets an error. Idempotent. */
  close(): void;
  /** Gives everything back, behind `closed`. */
  dispose(): void;
}

export interface Backend {
  /** What the layers above the kernel need of the addon. */
  readonly native: Portable;
  /** Its sockets, where it could be loaded. */
  readonly wires: Pick<Addon, "openWire" | "openTlsContext"> | undefined;
  /** Runs `work` behind the reply to the request that is being served; absent where there is no such moment. */
  readonly afterReply?: ((work: () => void) => void) | undefined;
  /** Mounts, and resolves when the mount answers. Whatever fails, nothing is left. */
  start(parts: KernelParts): Promise<KernelEnd>;
}

export interface KernelParts {
  readonly operations: Operations;
  readonly log: Log;
  readonly intake: SessionOptions["intake"];
  /** How many requests the kernel keeps in flight where nobody waits for each of them. */
  readonly background: NonNullable<SessionOptions["background"]>;
}

/**
 * Loads what `options.fuseBackend` names, for a mount that may use so many `processors`.
 * @throws NativeError or FuseNativeError that says what to install
 */
export async function loadBackend(options: MountOptions, processors: number): Promise<Backend> {
  switch (options.fuseBackend) {
    case "native": {
      const native = addon();
      const busyPollMicros = options.busyPollMicros ?? defaultBusyPoll(processors);
      let late: (() => void) | undefined;
      const onServed = (): void => {
        const work = late;
        late = undefined;
        work?.();
      };
      return {
        native,
        wires: native,
        afterReply: (work) => {
          assert(late === undefined, "a request leaves one thing for later");
          late = work;
        },
        start: (parts) => startNative(options, native, { ...parts, busyPollMicros, onServed }),
      };
    }
    case "fuse-native": {
      if (options.deviceFd !== undefined) {
        throw new MountError(
          `mounting at ${options.directory}: libfuse 2 mounts by itself and cannot take over a ` +
            "descriptor: use --fuse-backend native, or name a directory",
        );
      }
      const Fuse = await loadFuse();
      const mount = { ...options, ...NAMES, Fuse, errnoOf };
      return {
        native: addonOrPortable(),
        wires: addonIfAny(),
        // All requests of this back end are waited for, so that there are none in the background.
        start: ({ operations }) => mountWithFuseNative({ ...mount, operations }),
      };
    }
  }
}

async function startNative(
  options: MountOptions,
  addon: Addon,
  parts: KernelParts & Required<Pick<SessionOptions, "busyPollMicros" | "onServed">>,
): Promise<KernelEnd> {
  const mountPoint = await makeMountPoint(options, { addon, log: parts.log });
  const { fd, allowedUids } = mountPoint;
  const session = serve({
    ...parts,
    addon,
    fd,
    errnoOf,
    absentMsOf,
    ...(allowedUids && { allowedUids }),
  });
  // Uploads may take their time yet, and what is mounted at the directory meanwhile is not ours.
  session.closed.then(
    () => mountPoint.close(),
    () => {},
  );
  try {
    await session.initialized;
    mountPoint.raiseReadAhead();
  } catch (error) {
    await mountPoint.unmount();
    session.close();
    await session.closed.catch(() => {});
    mountPoint.close();
    throw error;
  }
  return {
    device: mountPoint.device,
    closed: session.closed,
    get gauges() {
      return { ...session.gauges };
    },
    invalidateEntry: (parent, name, expireOnly) =>
      session.invalidateEntry(parent, name, expireOnly),
    invalidatePages: (ino) => session.invalidateInode(ino, 0, 0),
    unmount: () => mountPoint.unmount(),
    close: () => session.close(),
    dispose: () => mountPoint.close(),
  };
}

function makeMountPoint(
  options: MountOptions,
  ends: { readonly addon: Addon; readonly log: Log },
): Promise<MountPoint> {
  const { allowRoot, deviceFd, directory } = options;
  if (deviceFd !== undefined) {
    return adoptDevice({ ...ends, fd: deviceFd, name: directory, allowRoot });
  }
  return mountDirectory({ ...options, ...ends, ...NAMES });
}
