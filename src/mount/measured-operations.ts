/** The same `Operations`, with how long each takes, how many fail and how many bytes move. */

import type { Metrics } from "../base/metrics.ts";
import type { Operations, Reply } from "../fuse/index.ts";

export function measuredOperations(
  operations: Operations,
  metrics: Metrics,
  now: () => number = () => performance.now(),
): Operations {
  /** Runs `work`, which answers a request that the kernel calls `name`. */
  const timed = <T>(name: string, work: () => Reply<T>, count?: (value: T) => void): Reply<T> => {
    const startMs = now();
    const end = (): void =>
      metrics
        .histogram("fuse.request_latency", { fuse_request: name })
        .record((now() - startMs) * 1000);
    const succeed = (value: T): T => {
      end();
      count?.(value);
      return value;
    };
    const fail = (error: unknown): never => {
      end();
      metrics.counter("fuse.request_errors", { fuse_request: name }).add(1);
      throw error;
    };
    let reply: Reply<T>;
    try {
      reply = work();
    } catch (error) {
      return fail(error);
    }
    // What is there at once stays so: the session answers it without a turn of the event loop.
    return reply instanceof Promise ? reply.then(succeed, fail) : succeed(reply);
  };
  const moved = (name: "read" | "write", byteCount: number): void => {
    metrics.histogram("fuse.io_size", { fuse_request: name }).record(byteCount);
    metrics.counter("fuse.total_bytes", { fuse_request: name }).add(byteCount);
  };
  const o = operations;
  return {
    lookup: (parent, name) => timed("lookup", () => o.lookup(parent, name)),
    forget: (ino, lookups) => o.forget(ino, lookups),
    getattr: (ino, fh) => timed("getattr", () => o.getattr(ino, fh)),
    setattr: (ino, changes) => timed("setattr", () => o.setattr(ino, changes)),
    mknod: (parent, name, mode) => timed("mknod", () => o.mknod(parent, name, mode)),
    mkdir: (parent, name, mode) => timed("mkdir", () => o.mkdir(parent, name, mode)),
    unlink: (parent, name) => timed("unlink", () => o.unlink(parent, name)),
    rmdir: (parent, name) => timed("rmdir", () => o.rmdir(parent, name)),
    rename: (request) => timed("rename", () => o.rename(request)),
    open: (ino, flags, caller) => timed("open", () => o.open(ino, flags, caller)),
    create: (parent, name, how) => timed("create", () => o.create(parent, name, how)),
    read: (fh, offset, byteCount) =>
      timed(
        "read",
        () => o.read(fh, offset, byteCount),
        ({ parts }) =>
          moved(
            "read",
            parts.reduce((sum, { length }) => sum + length, 0),
          ),
      ),
    write: (fh, offset, data) =>
      timed(
        "write",
        () => o.write(fh, offset, data),
        (byteCount) => moved("write", byteCount),
      ),
    flush: (fh, caller) => timed("flush", () => o.flush(fh, caller)),
    fsync: (fh) => timed("fsync", () => o.fsync(fh)),
    release: (fh) => timed("release", () => o.release(fh)),
    opendir: (ino) => timed("opendir", () => o.opendir(ino)),
    readdir: (fh, offset, writer) =>
      timed(writer.plus ? "readdirplus" : "readdir", () => o.readdir(fh, offset, writer)),
    releasedir: (fh) => o.releasedir(fh),
    statfs: () => timed("statfs", () => o.statfs()),
    noteRefusal: (refusal) => {
      metrics.counter("fuse.request_errors", { fuse_request: refusal.opcode }).add(1);
      o.noteRefusal?.(refusal);
    },
  };
}
