/** Who is let go when a signal arrives, and what becomes of the result that nobody waits for. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { type Deferred, deferred } from "../../src/base/deferred.ts";
import { EINTR } from "../../src/base/errno.ts";
import { isBeingKilled } from "../../src/fuse/interrupts.ts";
import { request } from "./requests.ts";
import { entryOf, type Served, served, settled } from "./served.ts";

const RECHECK_MS = 500;

describe("a request whose caller is being killed", () => {
  let answer: Deferred<never>;
  let it: Served;

  beforeEach(() => {
    answer = deferred();
    const later = (): Promise<never> => answer.promise;
    it = served(
      {
        lookup: later,
        getattr: later,
        statfs: later,
        open: later,
        opendir: later,
        read: later,
        mknod: later,
        mkdir: later,
        create: later,
        unlink: later,
        write: later,
        forget: () => {},
        release: () => Promise.resolve(),
        releasedir: () => {},
        readdir: async (_fh, _offset, writer) => {
          for (const ino of [5, 6]) {
            const entry = entryOf(ino);
            writer.add({ name: `f${ino}`, ino, kind: "file", nextOffset: ino, entry });
          }
          await answer.promise;
        },
      },
      { isDying: () => true },
    );
  });

  const INTERRUPTIBLE = [
    ["LOOKUP", request.lookup({}, "a"), entryOf(5), [["forget", 5, 1]]],
    ["OPEN", request.open({}, 0), { fh: 7 }, [["release", 7]]],
    ["OPENDIR", request.opendir({}), { fh: 7 }, [["releasedir", 7]]],
    ["GETATTR", request.getattr({}), {}, []],
    ["STATFS", request.statfs({}), {}, []],
    ["READDIR", request.readdir({}, 1, 0, 4096), undefined, []],
    [
      "READDIRPLUS",
      request.readdirplus({}, 1, 0, 4096),
      undefined,
      [
        ["forget", 5, 1],
        ["forget", 6, 1],
      ],
    ],
  ] as const;

  test.each(INTERRUPTIBLE)("%s is answered at once, and its result undone", async (...row) => {
    const [, bytes, value, undone] = row;
    it.kernel.deliver(bytes, request.interrupt(2));
    expect(it.kernel.replyTo(2).errno).toBe(EINTR);
    expect(it.session.gauges.pendingRequests).toBe(1);
    answer.resolve(value as never);
    await settled();
    expect(it.kernel.replies).toHaveLength(1);
    expect(it.calls.slice(1)).toEqual(undone);
    expect(it.session.gauges.pendingRequests).toBe(0);
  });

  test("READ is answered at once, and what it lends is released", async () => {
    const release = vi.fn();
    it.kernel.deliver(request.read({}, 1, 0, 10), request.interrupt(2));
    expect(it.kernel.replyTo(2).errno).toBe(EINTR);
    answer.resolve({ parts: [Buffer.from("x")], release } as never);
    await settled();
    expect(release).toHaveBeenCalledTimes(1);
    expect(it.kernel.replies).toHaveLength(1);
  });

  test("is answered once only, although it fails later or is interrupted again", async () => {
    it.kernel.deliver(request.lookup({}, "a"), request.interrupt(2), request.interrupt(2));
    answer.reject(new Error("too late"));
    // Whatever failed is no longer anybody's business, but errnoOf still gets to see it.
    await expect(it.session.closed).rejects.toThrow("too late");
    expect(it.kernel.replies).toHaveLength(1);
  });

  test.each([
    ["CREATE", request.create({}, "a", 0o644), { entry: entryOf(5), opened: { fh: 1 } }],
    ["MKNOD", request.mknod({}, "a", 0o100644), entryOf(5)],
    ["MKDIR", request.mkdir({}, "a", 0o755), entryOf(5)],
    ["UNLINK", request.unlink({}, "a"), undefined],
    ["WRITE", request.write({}, 1, 0, Buffer.from("x")), 1],
  ])("%s is carried out all the same", async (_, bytes, value) => {
    const { kernel, calls } = it;
    kernel.deliver(bytes, request.interrupt(2));
    expect(kernel.replies).toEqual([]);
    answer.resolve(value as never);
    await settled();
    expect(kernel.replyTo(2).errno).toBe(0);
    expect(calls).toHaveLength(1);
  });
});

describe("an interrupt", () => {
  test("of a request that was answered, or never came, is ignored", () => {
    const { kernel, complaints } = served({ lookup: () => entryOf(5) }, { isDying: () => true });
    kernel.deliver(request.lookup({}, "a"), request.interrupt(2), request.interrupt(99));
    kernel.deliver(request.interrupt(2n ** 63n));
    expect(kernel.replies).toHaveLength(1);
    expect(complaints).toEqual([]);
  });

  describe("by a signal that the caller handles", () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test("changes nothing", async () => {
      const answer = deferred<ReturnType<typeof entryOf>>();
      const { kernel } = served({ lookup: () => answer.promise }, { isDying: () => false });
      kernel.deliver(request.lookup({ pid: 77 }, "a"), request.interrupt(2));
      vi.advanceTimersByTime(10 * RECHECK_MS);
      expect(kernel.replies).toEqual([]);
      answer.resolve(entryOf(5));
      await settled();
      expect(kernel.replyTo(2).errno).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
    });

    test("lets the caller go when it is killed afterwards", () => {
      let dying = 0;
      const answers = [deferred<never>(), deferred<never>()];
      const { kernel, session } = served(
        { lookup: (parent) => (answers[parent - 1] as Deferred<never>).promise },
        { isDying: (pid) => pid === dying },
      );
      kernel.deliver(
        request.lookup({ unique: 2, nodeid: 1, pid: 77 }, "a"),
        request.lookup({ unique: 4, nodeid: 2, pid: 78 }, "a"),
        request.interrupt(2),
        request.interrupt(4),
      );
      expect(kernel.replies).toEqual([]);
      dying = 77;
      vi.advanceTimersByTime(RECHECK_MS);
      expect(kernel.replies).toMatchObject([{ unique: 2n, errno: EINTR }]);
      session.close();
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});

describe("isBeingKilled", () => {
  let child: ChildProcess | undefined;

  afterEach(async () => {
    const running = child;
    child = undefined;
    if (running?.exitCode !== null || running.signalCode !== null) return;
    running.kill("SIGKILL");
    await once(running, "exit");
  });

  test("is false for a living process, for nobody, and for one that cannot be seen", () => {
    expect(isBeingKilled(process.pid)).toBe(false);
    expect(isBeingKilled(0)).toBe(false);
    expect(isBeingKilled(2 ** 22 + 1)).toBe(false);
  });

  test("is false for a process with a signal pending that does not kill it", async () => {
    // A stopped process keeps its signals pending; the shell handles this one.
    child = spawn("sh", ["-c", "trap : USR1; echo ready; read line"], { stdio: "pipe" });
    await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
    child.kill("SIGSTOP");
    child.kill("SIGUSR1");
    expect(isBeingKilled(child.pid ?? 0)).toBe(false);
  });
});
