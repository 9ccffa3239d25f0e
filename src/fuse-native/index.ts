/**
 * The door of the second back end: libfuse 2 speaks with the kernel, the npm package fuse-native with
 * libfuse, and this layer with the file system, through the same `Operations` as `fuse/`.
 *
 *     /dev/fuse ─▶ libfuse 2 ─▶ fuse-native ─▶ path-operations ─▶ Operations
 *                  one thread    the event      path ─▶ inode
 *                  a request     loop
 *
 * `loadFuse` loads the package, which is optional, and says what to install where it is missing;
 * `mountWithFuseNative` mounts and serves. What this back end cannot do is in docs/FUSE-NATIVE.md.
 */

export type { FuseNativeError, FuseNativeErrorKind } from "./error.ts";
export { type FuseNativeMount, mountWithFuseNative } from "./mount.ts";
export { loadFuse } from "./package.ts";
