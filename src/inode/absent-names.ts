/**
 * Keys that S3 was asked for and did not have. A create right behind such a lookup need not ask
 * again, whatever the TTL; lookups are answered from here only when the mount caches metadata.
 */

import { LRUCache } from "lru-cache";

/** As mount-s3: about 20 MB of names. */
const CACHED_NAMES_MAX = 100_000;
/** Without caching: as many as can be between their lookup and their create at one time. */
const RECENT_NAMES_MAX = 1024;

export class AbsentNames {
  readonly #untilMs: LRUCache<string, number>;
  readonly #lifetimeMs: number;

  constructor(options: { readonly lifetimeMs: number; readonly caching: boolean }) {
    this.#lifetimeMs = options.lifetimeMs;
    this.#untilMs = new LRUCache({ max: options.caching ? CACHED_NAMES_MAX : RECENT_NAMES_MAX });
  }

  get size(): number {
    return this.#untilMs.size;
  }

  add(key: string, nowMs: number): void {
    this.#untilMs.set(key, nowMs + this.#lifetimeMs);
  }

  has(key: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > nowMs) return true;
    this.#untilMs.delete(key);
    return false;
  }

  delete(key: string): void {
    this.#untilMs.delete(key);
  }
}
