/**
 * Loads the package fuse-native, which is optional: only who asks for this back end needs it, and
 * libfuse 2 with it.
 */

import type Fuse from "fuse-native";

import { messageOf } from "../base/log.ts";
import { FuseNativeError } from "./error.ts";

const PACKAGE_VERSION = "2.2.6";

/** @throws FuseNativeError that says what to install */
export async function loadFuse(): Promise<typeof Fuse> {
  try {
    return (await import("fuse-native")).default;
  } catch (error) {
    throw explain(error);
  }
}

function explain(error: unknown): FuseNativeError {
  const what = "cannot load --fuse-backend fuse-native";
  const reason = messageOf(error).split("\n")[0] ?? "";
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ERR_MODULE_NOT_FOUND") {
    return new FuseNativeError(
      "package-missing",
      `${what}: the package fuse-native is not installed: run "npm install fuse-native@` +
        `${PACKAGE_VERSION}" where mount-s3-ts is installed (with -g if it was), and install ` +
        'libfuse 2 (Debian: "apt-get install -y libfuse2"), or leave the option out',
      { cause: error },
    );
  }
  if (reason.includes("libfuse.so.2")) {
    return new FuseNativeError(
      "library-missing",
      `${what}: libfuse 2 is not installed (${reason}): install it (Debian: ` +
        '"apt-get install -y libfuse2", from Debian 13 on "libfuse2t64"), or leave the option out',
      { cause: error },
    );
  }
  return new FuseNativeError(
    "unusable",
    `${what} on ${process.platform}-${process.arch}, Node ${process.version}: ${reason}: the ` +
      'package may lack a build for it; try "npm rebuild fuse-native", or leave the option out',
    { cause: error },
  );
}
