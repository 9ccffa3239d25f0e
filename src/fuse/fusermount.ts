/**
 * Mounts and unmounts through fusermount3, the set-uid helper of libfuse, for whoever may not call
 * mount(2). It opens /dev/fuse, mounts it, and passes the descriptor over the socket whose number it
 * finds in _FUSE_COMMFD.
 */

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";

import { messageOf } from "../base/log.ts";
import { systemError } from "../base/system-error.ts";
import type { Addon } from "../native/index.ts";
import { FuseError } from "./error.ts";
import { explainHelper } from "./refusals.ts";

/** libfuse 3's, then libfuse 2's: they speak the same protocol. */
const PROGRAMS = ["fusermount3", "fusermount"] as const;
/** Where they may be; the caller's own PATH is not for this layer to read. */
export const SEARCH_PATH: string =
  "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/run/wrappers/bin";
/** It does nothing that takes time; this bounds a helper that hangs. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** The first descriptor behind stdin, stdout and stderr. */
const CHILD_SOCKET_FD = 3;

export type HandshakeAddon = Pick<Addon, "socketPair" | "receiveDescriptor" | "closeDescriptor">;

export interface FusermountRequest {
  readonly addon: HandshakeAddon;
  readonly directory: string;
  /** As behind -o. */
  readonly options: string;
  /** Directories to find the helper in, colon-separated. */
  readonly searchPath?: string;
}

/**
 * Returns the descriptor of /dev/fuse, mounted.
 * @throws FuseError with what the helper printed, when it does not mount
 */
export async function fusermount(request: FusermountRequest): Promise<number> {
  const { addon, directory } = request;
  const pair = addon.socketPair();
  if (typeof pair === "number") {
    const why = systemError(-pair);
    throw new FuseError("fusermount-failed", `making a socket for fusermount3: ${why}`);
  }
  const [ours, theirs] = pair;
  try {
    const helper = await startMounting(request, theirs);
    // Blocks; nothing is served before the mount, so nobody is kept waiting.
    const fd = addon.receiveDescriptor(ours, HANDSHAKE_TIMEOUT_MS);
    const end = await endOf(helper);
    if (fd < 0) {
      const silence = `no descriptor: ${systemError(-fd)}, exit code ${end.exitCode}`;
      throw explainHelper(directory, end.printed, silence);
    }
    return fd;
  } finally {
    addon.closeDescriptor(ours);
  }
}

/** Detaches the mount at `directory`, which ends when nobody uses it any more. */
export async function fusermountUnmount(directory: string, searchPath?: string): Promise<void> {
  const helper = await start(["-u", "-z", "--", directory], { searchPath });
  const { exitCode, printed } = await endOf(helper);
  if (exitCode === 0) return;
  throw new FuseError("unmount-failed", `unmounting ${directory}: ${printed}`);
}

interface Helper {
  readonly process: ChildProcess;
  /** What it has written to stderr so far. */
  readonly printed: string[];
}

interface HelperEnd {
  readonly exitCode: number | null;
  readonly printed: string;
}

/** Starts the helper with its end of the socket, which then is open there alone. */
async function startMounting(request: FusermountRequest, socket: number): Promise<Helper> {
  try {
    return await start(["-o", request.options, "--", request.directory], {
      socket,
      searchPath: request.searchPath,
    });
  } finally {
    request.addon.closeDescriptor(socket);
  }
}

async function start(
  args: readonly string[],
  options: { readonly socket?: number; readonly searchPath: string | undefined },
): Promise<Helper> {
  const { socket, searchPath = SEARCH_PATH } = options;
  const stdio: StdioOptions = ["ignore", "ignore", "pipe"];
  if (socket !== undefined) stdio[CHILD_SOCKET_FD] = socket;
  const env = { PATH: searchPath, _FUSE_COMMFD: String(CHILD_SOCKET_FD) };
  for (const program of PROGRAMS) {
    const child = spawn(program, args, { stdio, env, detached: true });
    const printed: string[] = [];
    child.stderr?.on("data", (chunk: Buffer) => printed.push(chunk.toString()));
    try {
      await once(child, "spawn");
      return { process: child, printed };
    } catch (error) {
      if (isMissing(error)) continue;
      throw new FuseError("fusermount-failed", `starting ${program}: ${messageOf(error)}`);
    }
  }
  throw new FuseError(
    "fusermount-missing",
    `cannot find fusermount3 in ${searchPath}: users other than root need it to mount. ` +
      "Install it (Debian: apt-get install -y fuse3)",
  );
}

/** Waits until the helper has ended, and ends one that hangs. */
async function endOf({ process: child, printed }: Helper): Promise<HelperEnd> {
  const kill = setTimeout(() => child.kill("SIGKILL"), HANDSHAKE_TIMEOUT_MS);
  await once(child, "close");
  clearTimeout(kill);
  return { exitCode: child.exitCode, printed: printed.join("").trim() };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
