/**
 * Decides when an interrupted request is given up. The kernel sends INTERRUPT for any signal that
 * its caller receives, also for one that it handles (a timer, a resized terminal), and an EINTR from
 * stat or read would then break programs that no local file system ever interrupts. So, as with NFS,
 * only a caller who is being killed is let go. The kernel interrupts a request once and from then on
 * waits for its reply come what may, hence a caller who survives the first signal is looked at again.
 */

import { readFileSync } from "node:fs";

/** A program that is killed while it waits lingers for this long at most. */
const RECHECK_MS = 500;

/** SIGKILL is bit 8, the lowest of the third hexadecimal digit from the right (proc(5)). */
const SIGKILL_PENDING = /^SigPnd:\s*[0-9a-f]*[13579bdf][0-9a-f]{2}$/m;

/**
 * Whether the thread `pid` is being killed: any signal that ends a process puts SIGKILL into the
 * pending set of each of its threads (complete_signal in kernel/signal.c). False for one that is
 * not visible from here.
 */
export function isBeingKilled(pid: number): boolean {
  if (pid === 0) return false;
  try {
    return SIGKILL_PENDING.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

export interface Interruptible {
  /** The thread that waits, as INTERRUPT's victim named it. */
  readonly pid: number;
}

export class InterruptWatch<T extends Interruptible> {
  readonly #isDying: (pid: number) => boolean;
  readonly #giveUp: (request: T) => void;
  readonly #watched = new Set<T>();
  #timer: NodeJS.Timeout | undefined;

  /** `giveUp` is called once for a request whose caller is found to be dying. */
  constructor(isDying: (pid: number) => boolean, giveUp: (request: T) => void) {
    this.#isDying = isDying;
    this.#giveUp = giveUp;
  }

  /** `request` was interrupted: gives it up now, or looks again until it is done. */
  add(request: T): void {
    if (this.#isDying(request.pid)) {
      this.#giveUp(request);
      return;
    }
    this.#watched.add(request);
    this.#timer ??= setInterval(() => this.#recheck(), RECHECK_MS).unref();
  }

  /** `request` has been answered. */
  delete(request: T): void {
    if (this.#watched.delete(request)) this.#stopWhenIdle();
  }

  clear(): void {
    this.#watched.clear();
    this.#stopWhenIdle();
  }

  #recheck(): void {
    for (const request of this.#watched) {
      if (!this.#isDying(request.pid)) continue;
      this.#watched.delete(request);
      this.#giveUp(request);
    }
    this.#stopWhenIdle();
  }

  #stopWhenIdle(): void {
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
