/**
 * A server with a latency and a bandwidth, and a reader with a speed, in virtual time: what takes
 * minutes over a real link takes a moment here, and the same moment every time. No bytes are moved.
 */

import { silentLog } from "../../src/base/log.ts";
import { KIB, MIB } from "../../src/base/sizes.ts";
import type { BlockPool } from "../../src/memory/index.ts";
import { openReader } from "../../src/read/index.ts";
import type { GetRequest } from "../../src/s3/index.ts";
import { quiet } from "../memory/pools.ts";
import { GatedClient, s3Error } from "./gated-client.ts";

const CHUNK_BYTES = 256 * KIB;
const REQUEST_BYTES = MIB;
/** How many requests the kernel has under way while one is consumed. */
const REQUESTS_AHEAD = 2;

/** Runs what is due, in order, and then whatever follows from it, before time moves on. */
class VirtualClock {
  nowMs = 0;
  readonly #due: { readonly atMs: number; readonly run: () => void }[] = [];

  at(atMs: number, run: () => void): void {
    let i = this.#due.length;
    while (i > 0 && (this.#due[i - 1]?.atMs ?? 0) > atMs) i -= 1;
    this.#due.splice(i, 0, { atMs, run });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.nowMs + ms, resolve));
  }

  async runUntil(finished: () => boolean): Promise<void> {
    for (;;) {
      await quiet();
      if (finished()) return;
      const next = this.#due.shift();
      if (next === undefined) throw new Error("nothing more happens");
      this.nowMs = next.atMs;
      next.run();
    }
  }
}

export interface Link {
  readonly latencyMs: number;
  /** Bytes per millisecond. */
  readonly bandwidth: number;
}

class SimulatedServer extends GatedClient {
  link: Link;
  readonly #clock: VirtualClock;
  #busyUntilMs = 0;

  constructor(clock: VirtualClock, link: Link) {
    super(new Uint8Array(0));
    this.#clock = clock;
    this.link = link;
  }

  override get(request: GetRequest, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(s3Error("aborted")), { once: true });
      let left = request.byteCount;
      const send = (): void => {
        if (signal?.aborted === true) return;
        // All bodies share the link, a chunk of each in turn.
        const byteCount = Math.min(CHUNK_BYTES, left);
        const startMs = Math.max(this.#clock.nowMs, this.#busyUntilMs);
        this.#busyUntilMs = startMs + byteCount / this.link.bandwidth;
        this.#clock.at(this.#busyUntilMs, () => {
          if (signal?.aborted === true) return;
          for (let at = 0; at < byteCount; ) {
            const filled = Math.min(byteCount - at, request.sink.target().length);
            request.sink.filled(filled);
            at += filled;
          }
          left -= byteCount;
          if (left === 0) resolve();
          else send();
        });
      };
      this.#clock.at(this.#clock.nowMs + this.link.latencyMs, send);
    });
  }
}

export interface Outcome {
  /** Bytes per millisecond over the last third of the object. */
  readonly throughput: number;
  /** Blocks in use, over the last third: the middle of the samples, and the most. */
  readonly blocksMedian: number;
  readonly blocksMost: number;
  readonly totalMs: number;
}

export interface SimulationOptions {
  readonly link: Link;
  /** Bytes per millisecond; infinite for a reader who only waits. */
  readonly readerSpeed: number;
  readonly objectBytes: number;
  readonly pool: (clock: () => number) => BlockPool;
  /** Another link from the middle of the object on. */
  readonly linkLater?: Link;
}

/** Reads an object from start to end. */
export async function simulate(options: SimulationOptions): Promise<Outcome> {
  const { link, readerSpeed, objectBytes, linkLater } = options;
  const clock = new VirtualClock();
  const nowMs = (): number => clock.nowMs;
  const client = new SimulatedServer(clock, link);
  const pool = options.pool(nowMs);
  const key = "k";
  const common = { client, pool, key, etag: '"e"', partBytes: 8 * MIB, log: silentLog };
  const reader = openReader({ ...common, objectBytes, nowMs });
  const samples: number[] = [];
  const lastThird = Math.floor((objectBytes * 2) / 3);
  let lastThirdMs = 0;
  let finished = false;

  const consume = async (): Promise<void> => {
    const ahead: Promise<unknown>[] = [];
    const ask = async (offset: number): Promise<void> => {
      (await reader.read(offset, REQUEST_BYTES)).release();
    };
    for (let at = 0; at < objectBytes; at += REQUEST_BYTES) {
      ahead.push(ask(at));
      if (ahead.length > REQUESTS_AHEAD) await ahead.shift();
      if (Number.isFinite(readerSpeed)) await clock.sleep(REQUEST_BYTES / readerSpeed);
      if (linkLater !== undefined && at > objectBytes / 3) client.link = linkLater;
      if (at < lastThird) lastThirdMs = clock.nowMs;
      else samples.push(pool.blocksInUse);
    }
    await Promise.all(ahead);
    finished = true;
  };
  await Promise.all([consume(), clock.runUntil(() => finished)]);
  reader.close();
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    throughput: (objectBytes - lastThird) / (clock.nowMs - lastThirdMs),
    blocksMedian: sorted[sorted.length >> 1] ?? 0,
    blocksMost: sorted.at(-1) ?? 0,
    totalMs: clock.nowMs,
  };
}
