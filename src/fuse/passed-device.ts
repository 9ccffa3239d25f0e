/**
 * Takes over a descriptor of /dev/fuse that somebody else has mounted and passed to this process, so
 * that this process needs neither privileges nor to know the directory. Unmounting is up to them.
 */

import { readSync } from "node:fs";
import { readFile } from "node:fs/promises";

import type { Log } from "../base/log.ts";
import { FuseError } from "./error.ts";
import { type MountAddon, MountPoint } from "./mount-point.ts";

export interface AdoptDeviceOptions {
  readonly addon: MountAddon;
  readonly log: Log;
  /** Open and of /dev/fuse. Taken over: closed with what is returned. */
  readonly fd: number;
  /** How the person who passed it calls it, e.g. "/dev/fd/3". */
  readonly name: string;
  /** Whether root and the mounting user alone are served, whomever the mount lets in. */
  readonly allowRoot: boolean;
}

/** @throws FuseError kind "not-mounted" when nobody has called mount(2) with the descriptor */
export async function adoptDevice(options: AdoptDeviceOptions): Promise<MountPoint> {
  const { addon, fd, log, name, allowRoot } = options;
  if (!isMounted(fd)) {
    throw new FuseError(
      "not-mounted",
      `mount point ${name} has not been mounted: call mount(2) with "fd=N" and this descriptor before it is passed on`,
    );
  }
  addon.setNonBlocking(fd, true);
  const device = await deviceOf(fd);
  return new MountPoint({ addon, log, allowRoot }, { directory: name, fd, device });
}

/** A read that has no room for a request takes none, and fails differently before and after mount(2). */
function isMounted(fd: number): boolean {
  try {
    readSync(fd, Buffer.alloc(1));
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "EPERM");
  }
}

/** Recent kernels tell the connection, which is the minor number of an anonymous device. */
async function deviceOf(fd: number): Promise<string | undefined> {
  const text = await readFile(`/proc/self/fdinfo/${fd}`, "latin1");
  const connection = /^fuse_connection:\s*(\d+)$/m.exec(text)?.[1];
  return connection === undefined ? undefined : `0:${connection}`;
}
