/**
 * Loads the addon at its first use, so that what needs none of it (help, a wrong flag) runs on a
 * machine that has none, and a missing build becomes one message that says what to do.
 */

import load from "node-gyp-build";

import { messageOf } from "../base/log.ts";
import { PACKAGE_DIRECTORY } from "../base/package.ts";
import type { Addon } from "./addon.ts";

type NativeErrorKind = "unavailable";

/** The addon cannot be loaded. The message says where, why, and what to do. */
export class NativeError extends Error {
  readonly kind: NativeErrorKind;

  constructor(kind: NativeErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NativeError";
    this.kind = kind;
  }
}

let loaded: Addon | undefined;

/**
 * The addon, loaded at the first call in each thread.
 * @throws NativeError when no build of it fits this platform, C library and Node
 */
export function addon(): Addon {
  loaded ??= loadAddon();
  return loaded;
}

function loadAddon(): Addon {
  try {
    return load(PACKAGE_DIRECTORY) as Addon;
  } catch (error) {
    const reason = messageOf(error).split("\n")[0] ?? "";
    throw new NativeError(
      "unavailable",
      `cannot load the native addon on ${process.platform}-${process.arch} (${libcVersion()}, ` +
        `Node ${process.version}): ${reason}. Install a C compiler, make and Python 3 ` +
        "(Debian: apt-get install -y build-essential python3) and run: " +
        `node ${PACKAGE_DIRECTORY}/scripts/build-addon.mjs; or mount with --fuse-backend fuse-native`,
      { cause: error },
    );
  }
}

/** Of the running process. Only glibc tells its version to Node's diagnostic report. */
function libcVersion(): string {
  const report: unknown = process.report.getReport();
  const header = property(report, "header");
  const version = property(header, "glibcVersionRuntime");
  return typeof version === "string" ? `glibc ${version}` : "musl";
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
