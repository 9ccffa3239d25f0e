/**
 * Keys that S3 was asked for and did not have. A create right behind such a lookup need not ask
 * again, whatever the TTL; lookups are answered from here only with a negative TTL that caches.
 */

import { LRUCache } from "lru-cache";

/** As many as mount-s3 keeps; about 10 MB. */
const CACHED_NAMES_MAX = 100_000;
/** Without caching: as many as can be between their lookup and their create at one time. */
const RECENT_NAMES_MAX = 1024;

export class AbsentNames {
  readonly #lifetimeMs: number;
  readonly #namesMax: number;
  /** Made with the first name: a mount need not wait for its package. */
  #untilMs: LRUCache<string, number> | undefined;

  constructor(options: { readonly lifetimeMs: number; readonly caching: boolean }) {
    this.#lifetimeMs = options.lifetimeMs;
    this.#namesMax = options.caching ? CACHED_NAMES_MAX : RECENT_NAMES_MAX;
  }

  get size(): number {
    return this.#untilMs?.size ?? 0;
  }

  add(key: string, nowMs: number): void {
    this.#untilMs ??= new LRUCache({ max: this.#namesMax });
    this.#untilMs.set(key, nowMs + this.#lifetimeMs);
  }

  /** For how long `key` is still known to be missing; 0 when it is not. */
  remainingMs(key: string, nowMs: number): number {
    const untilMs = this.#untilMs?.get(key);
    if (untilMs === undefined) return 0;
    if (untilMs > nowMs) return untilMs - nowMs;
    this.#untilMs?.delete(key);
    return 0;
  }

  /** Whether it was here. */
  delete(key: string): boolean {
    return this.#untilMs?.delete(key) ?? false;
  }
}
