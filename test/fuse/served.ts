/**
 * A session over the fake kernel and a file system whose operations a test supplies one by one: what
 * it does not supply fails with ENOSYS. Calls are kept, in order, as they were made.
 */

import type { Attributes, Entry } from "../../src/base/attributes.ts";
import { ENOSYS } from "../../src/base/errno.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import { type Operations, type SessionOptions, serve } from "../../src/fuse/index.ts";
import { BLOCK_BYTES, createBlockPool, Intake } from "../../src/memory/index.ts";
import { FakeKernel } from "./fake-kernel.ts";

export class Failure extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

export type Call = readonly [operation: string, ...args: readonly unknown[]];

const OPERATIONS = [
  "lookup",
  "forget",
  "getattr",
  "setattr",
  "mknod",
  "mkdir",
  "unlink",
  "rmdir",
  "rename",
  "open",
  "create",
  "read",
  "write",
  "flush",
  "fsync",
  "release",
  "opendir",
  "readdir",
  "releasedir",
  "statfs",
] as const satisfies readonly (keyof Operations)[];

type Answer = (...args: never[]) => unknown;

/** All operations, of which `answers` are answered and recorded, and the others refused. */
function operationsOf(answers: Partial<Operations>, calls: Call[]): Operations {
  const made = OPERATIONS.map((operation) => {
    const answer = answers[operation] as Answer | undefined;
    const call = (...args: never[]): unknown => {
      // The next payload takes the place of this one: what is kept is a copy.
      calls.push([
        operation,
        ...args.map((arg: unknown) => (arg instanceof Uint8Array ? Buffer.from(arg) : arg)),
      ]);
      if (answer === undefined) throw new Failure(ENOSYS);
      return answer(...args);
    };
    return [operation, call] as const;
  });
  const { noteRefusal } = answers;
  const all = { ...Object.fromEntries(made), ...(noteRefusal && { noteRefusal }) };
  return all as unknown as Operations;
}

export interface Served {
  readonly kernel: FakeKernel;
  readonly session: ReturnType<typeof serve>;
  readonly calls: Call[];
  /** Warnings and errors that were logged. */
  readonly complaints: string[];
}

export function served(
  answers: Partial<Operations> = {},
  options: Partial<SessionOptions> = {},
): Served {
  const kernel = new FakeKernel();
  const calls: Call[] = [];
  const complaints: string[] = [];
  const log: Log = {
    ...silentLog,
    debugEnabled: true,
    traceEnabled: true,
    warn: (message) => complaints.push(message),
    error: (message) => complaints.push(message),
  };
  const pool = createBlockPool({
    budgetBytes: BLOCK_BYTES,
    allocate: (byteCount) => new ArrayBuffer(byteCount),
    discard: () => 0,
  });
  const session = serve({
    addon: kernel.addon,
    intake: new Intake(pool),
    fd: 3,
    operations: operationsOf(answers, calls),
    errnoOf: (error) => {
      if (error instanceof Failure) return error.errno;
      throw error;
    },
    log,
    ...options,
  });
  return { kernel, session, calls, complaints };
}

export function attributesOf(ino: number): Attributes {
  return {
    ino,
    kind: "file",
    mode: 0o644,
    nlink: 1,
    uid: 10,
    gid: 20,
    sizeBytes: 1000,
    atimeMs: 1_000,
    mtimeMs: 2_500,
    ctimeMs: -500,
  };
}

export function entryOf(ino: number): Entry {
  return { attributes: attributesOf(ino), entryValidMs: 1500, attributesValidMs: 100 };
}

/** Lets every promise that has settled take effect. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
