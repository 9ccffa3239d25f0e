/**
 * Lookup counts and handles, whatever happens to requests and replies: what the file system counted
 * is at all times what the kernel was told and has not given back.
 */

import fc from "fast-check";
import { expect, test } from "vitest";

import type { Entry } from "../../src/base/attributes.ts";
import type { KernelReply } from "./fake-kernel.ts";
import { request } from "./requests.ts";
import { entryOf, Failure, served, settled } from "./served.ts";

const KINDS = ["lookup", "mknod", "mkdir", "create", "open", "opendir", "readdirplus"] as const;
type Kind = (typeof KINDS)[number];

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      kind: fc.constantFrom(...KINDS),
      ino: fc.integer({ min: 2, max: 6 }),
      takesTime: fc.boolean(),
      fails: fc.boolean(),
      /** The kernel has let go of the request when its reply comes. */
      isRefused: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("finish" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("interrupt" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), batch: fc.boolean() }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type RequestStep = Extract<Step, { do: "request" }>;

function add(counts: Map<number, number>, ino: number, by: number): void {
  const count = (counts.get(ino) ?? 0) + by;
  if (count === 0) counts.delete(ino);
  else counts.set(ino, count);
}

/** Plays both ends of a session: a file system that counts, and a kernel that does. */
class World {
  readonly #counted = new Map<number, number>();
  readonly #handles = new Set<string>();
  readonly #held = new Map<number, number>();
  readonly #heldHandles = new Set<string>();
  readonly #steps = new Map<bigint, RequestStep>();
  readonly #waiting: { readonly unique: number; readonly finish: () => void }[] = [];
  #unique = 0;
  #fh = 0;
  #current: RequestStep | undefined;
  readonly #served = served(
    {
      lookup: () => this.#answer((ino) => this.#count(ino)),
      mknod: () => this.#answer((ino) => this.#count(ino)),
      mkdir: () => this.#answer((ino) => this.#count(ino)),
      create: () =>
        this.#answer((ino) => ({ entry: this.#count(ino), opened: this.#open("file") })),
      open: () => this.#answer(() => this.#open("file")),
      opendir: () => this.#answer(() => this.#open("directory")),
      readdir: (_fh, _offset, writer) =>
        this.#answer((ino) => {
          for (let next = ino; ; next += 1) {
            const entry = entryOf(next);
            if (!writer.add({ name: "n", ino: next, kind: "file", nextOffset: next, entry }))
              return;
            add(this.#counted, next, 1);
          }
        }),
      forget: (ino, lookups) => add(this.#counted, ino, -lookups),
      release: (fh) => this.#close(`file ${fh}`),
      releasedir: (fh) => this.#close(`directory ${fh}`),
    },
    { isDying: () => true },
  );

  constructor() {
    this.#served.kernel.refuse = (reply) => this.#take(reply);
  }

  async play(next: Step): Promise<void> {
    const { kernel } = this.#served;
    if (next.do === "request") {
      this.#unique += 2;
      this.#steps.set(BigInt(this.#unique), next);
      this.#current = next;
      kernel.deliver(this.#compose(next.kind, { unique: this.#unique }));
    } else if (next.do === "finish") {
      const [done] = this.#waiting.splice(next.which % Math.max(1, this.#waiting.length), 1);
      done?.finish();
    } else if (next.do === "interrupt") {
      const victim = this.#waiting[next.which % Math.max(1, this.#waiting.length)];
      if (victim !== undefined) kernel.deliver(request.interrupt(victim.unique));
    } else {
      this.#forgetOne(next.batch);
    }
    await settled();
  }

  /** Ends what still runs, and compares the books. */
  async finish(): Promise<void> {
    for (const { finish } of this.#waiting.splice(0)) finish();
    await settled();
    expect(this.#counted, "lookups").toEqual(this.#held);
    expect(this.#handles, "handles").toEqual(this.#heldHandles);
    expect(this.#served.session.gauges.pendingRequests).toBe(0);
    expect(this.#served.complaints).toEqual([]);
  }

  #compose(kind: Kind, header: { readonly unique: number }): Buffer {
    switch (kind) {
      case "lookup":
        return request.lookup(header, "n");
      case "mknod":
        return request.mknod(header, "n", 0o100644);
      case "mkdir":
        return request.mkdir(header, "n", 0o755);
      case "create":
        return request.create(header, "n", 0o100644);
      case "open":
        return request.open(header, 0);
      case "opendir":
        return request.opendir(header);
      case "readdirplus":
        return request.readdirplus(header, 1, 0, 700);
    }
  }

  #answer<T>(make: (ino: number) => T): T | Promise<T> {
    const current = this.#current as RequestStep;
    const unique = this.#unique;
    const answer = (): T => {
      if (current.fails && current.kind !== "readdirplus") throw new Failure(5);
      const made = make(current.ino);
      // A listing fails after it has counted.
      if (current.fails) throw new Failure(5);
      return made;
    };
    if (!current.takesTime) return answer();
    return new Promise<void>((resolve) => this.#waiting.push({ unique, finish: resolve })).then(
      answer,
    );
  }

  #count(ino: number): Entry {
    add(this.#counted, ino, 1);
    return entryOf(ino);
  }

  #open(kind: "file" | "directory"): { readonly fh: number } {
    this.#fh += 1;
    this.#handles.add(`${kind} ${this.#fh}`);
    return { fh: this.#fh };
  }

  #close(handle: string): void {
    if (!this.#handles.delete(handle)) throw new Error(`${handle} is not open`);
  }

  #forgetOne(batch: boolean): void {
    const [first] = this.#held;
    if (first === undefined) return;
    const [ino, count] = first;
    this.#held.delete(ino);
    this.#served.kernel.deliver(
      batch ? request.batchForget(1, [ino, count]) : request.forget({ nodeid: ino }, count),
    );
  }

  /** The kernel's books, kept from the bytes of the replies. */
  #take({ unique, errno, body }: KernelReply): number | undefined {
    const { kind, isRefused } = this.#steps.get(unique) as RequestStep;
    if (isRefused) return -2;
    if (errno !== 0) return undefined;
    const u64At = (offset: number): number => Number(body.readBigUInt64LE(offset));
    if (kind === "open") this.#heldHandles.add(`file ${u64At(0)}`);
    else if (kind === "opendir") this.#heldHandles.add(`directory ${u64At(0)}`);
    else if (kind === "readdirplus") {
      for (let at = 0; at < body.length; at += 160) add(this.#held, u64At(at), 1);
    } else {
      add(this.#held, u64At(0), 1);
      if (kind === "create") this.#heldHandles.add(`file ${u64At(128)}`);
    }
    return undefined;
  }
}

test("counts and handles agree on both sides after any history", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = new World();
      for (const next of steps) await world.play(next);
      await world.finish();
    }),
    { numRuns: 150 },
  );
});
