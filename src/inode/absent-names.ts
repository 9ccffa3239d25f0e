/**
 * Keys that S3 was asked for and did not have. A create right behind such a lookup need not ask
 * again, whatever the TTL; lookups are answered from here only with a negative TTL that caches.
 */

/** As many as mount-s3 keeps; about 10 MB. */
const CACHED_NAMES_MAX = 100_000;
/** Without caching: as many as can be between their lookup and their create at one time. */
const RECENT_NAMES_MAX = 1024;

export class AbsentNames {
  readonly #lifetimeMs: number;
  readonly #namesMax: number;
  /** Of what was added or asked for last, up to half of all; what was before that, and is forgotten at one time. */
  #late = new Map<string, number>();
  #early = new Map<string, number>();

  constructor(options: { readonly lifetimeMs: number; readonly caching: boolean }) {
    this.#lifetimeMs = options.lifetimeMs;
    this.#namesMax = options.caching ? CACHED_NAMES_MAX : RECENT_NAMES_MAX;
  }

  get size(): number {
    return this.#early.size + this.#late.size;
  }

  add(key: string, nowMs: number): void {
    this.#keep(key, nowMs + this.#lifetimeMs);
  }

  /** For how long `key` is still known to be missing; 0 when it is not. */
  remainingMs(key: string, nowMs: number): number {
    const untilMs = this.#late.get(key) ?? this.#early.get(key);
    if (untilMs === undefined) return 0;
    if (untilMs <= nowMs) {
      this.delete(key);
      return 0;
    }
    this.#keep(key, untilMs);
    return untilMs - nowMs;
  }

  /** Whether it was here. */
  delete(key: string): boolean {
    return this.#late.delete(key) || this.#early.delete(key);
  }

  #keep(key: string, untilMs: number): void {
    this.#early.delete(key);
    if (this.#late.size >= this.#namesMax / 2 && !this.#late.has(key)) {
      this.#early = this.#late;
      this.#late = new Map();
    }
    this.#late.set(key, untilMs);
  }
}
