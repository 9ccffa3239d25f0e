/**
 * What of the addon can be done without it: slower, and without huge pages. For mounts that leave the
 * kernel to another back end, on platforms for which the addon has no build.
 */

import type { Addon } from "./addon.ts";
import { addon, NativeError } from "./loader.ts";
import { crc32cOf, crc64nvmeOf } from "./portable-checksums.ts";

/** The functions of the addon's contract that do not speak with the kernel about mounts. */
export type Portable = Pick<Addon, "allocateHuge" | "discard" | "crc32c" | "crc64nvme">;

export const portable: Portable = {
  // Zeroed pages of the system, untouched until they are used, like the addon's.
  allocateHuge: (byteCount) => new ArrayBuffer(byteCount),
  // They stay resident: the system can be told of them in C only.
  discard: () => 0,
  crc32c: crc32cOf,
  crc64nvme: crc64nvmeOf,
};

/** The addon where it can be loaded. */
export function addonIfAny(): Addon | undefined {
  try {
    return addon();
  } catch (error) {
    if (error instanceof NativeError) return undefined;
    throw error;
  }
}

/** The addon where it can be loaded, and `portable` where not. */
export function addonOrPortable(): Portable {
  return addonIfAny() ?? portable;
}
