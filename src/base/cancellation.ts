/**
 * Gives work up, as an AbortController does, for work that is many and short: making an AbortSignal and
 * listening to it takes Node longer than sending a request.
 */

/** What may be given up listens to this. Every AbortSignal is one. */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(
    type: "abort",
    listener: () => void,
    options?: { readonly once?: boolean },
  ): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Both ends in one: whoever holds it as a `CancelSignal` only listens. */
export class Cancellation implements CancelSignal {
  #aborted: boolean = false;
  #reason: unknown;
  #listeners: Set<() => void> | undefined;

  get aborted(): boolean {
    return this.#aborted;
  }

  /** Made once it is asked for: it has a stack, and mostly nobody listens any more. */
  get reason(): unknown {
    if (!this.#aborted) return undefined;
    this.#reason ??= new DOMException("This operation was aborted", "AbortError");
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.reason;
  }

  /** A listener is called once, at most. */
  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners?.delete(listener);
  }

  /** Idempotent. */
  abort(reason?: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    for (const listener of listeners ?? []) listener();
  }
}
