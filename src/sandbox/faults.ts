/**
 * Failures on demand. A test adds a fault, the next request that it fits meets it, and it is used up
 * (or fits `times` requests, after it has let `after` pass). At most one fault meets a request, the
 * one that was added first.
 */

type FaultKind =
  /** Answer with this status; the operation is not carried out. */
  | {
      readonly kind: "status";
      readonly status: number;
      /** S3's code, e.g. "SlowDown"; by default the usual one for the status. */
      readonly code?: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
  /** Wait this much longer before the answer. */
  | { readonly kind: "slow"; readonly ms: number }
  /** Send nothing more after so many bytes of the body, and leave the connection open. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** Reset the connection (RST) after so many bytes of the body; before the answer by default. */
  | { readonly kind: "reset"; readonly afterBytes?: number }
  /** Close the connection in order (FIN) after so many bytes of the body. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** Carry the operation out and answer with another ETag than the right one. */
  | { readonly kind: "wrong-etag" }
  /** Flip a bit of the byte at this position of the body. */
  | { readonly kind: "corrupt-byte"; readonly position: number }
  /** Take the request and never answer. */
  | { readonly kind: "hang" }
  /** Reset the connection after so many bytes of the request's body, before the operation. */
  | { readonly kind: "drop-upload"; readonly afterBytes: number }
  /** Carry the operation out, then reset the connection instead of answering. */
  | { readonly kind: "lost-reply" };

export type Fault = FaultKind & {
  /** As S3 names operations, e.g. "GetObject"; any by default. */
  readonly operation?: string;
  readonly method?: string;
  /** A whole key, or a pattern for it; of a listing, its prefix. */
  readonly key?: string | RegExp;
  /** How many requests meet it: 1 by default, Infinity for every one until it is removed. */
  readonly times?: number;
  /** How many fitting requests it lets pass first: 0 by default. */
  readonly after?: number;
};

/** A fault that was added. */
export interface AddedFault {
  /** How many requests have met it. */
  readonly metCount: number;
  remove(): void;
}

/** What a fault is matched with. */
export interface FaultTarget {
  readonly operation: string;
  readonly method: string;
  readonly key: string;
  /** As in the URL, without the "?". */
  readonly query: string;
}

class Armed implements AddedFault {
  readonly fault: Fault;
  readonly remove: () => void;
  fittingCount = 0;

  constructor(fault: Fault, remove: () => void) {
    this.fault = fault;
    this.remove = remove;
  }

  get metCount(): number {
    const beyond = this.fittingCount - (this.fault.after ?? 0);
    return Math.min(Math.max(beyond, 0), this.fault.times ?? 1);
  }
}

export class Faults {
  readonly #armed = new Set<Armed>();

  add(fault: Fault): AddedFault {
    const armed = new Armed(fault, () => this.#armed.delete(armed));
    this.#armed.add(armed);
    return armed;
  }

  clear(): void {
    this.#armed.clear();
  }

  /** The fault that meets a request, which is counted. */
  take(target: FaultTarget): Fault | undefined {
    for (const armed of this.#armed) {
      if (!fits(armed.fault, target)) continue;
      const metBefore = armed.metCount;
      armed.fittingCount++;
      if (armed.metCount === metBefore) continue;
      if (armed.metCount === (armed.fault.times ?? 1)) armed.remove();
      return armed.fault;
    }
    return undefined;
  }
}

function fits(fault: Fault, target: FaultTarget): boolean {
  const { operation, method, key } = fault;
  if (operation !== undefined && operation !== target.operation) return false;
  if (method !== undefined && method !== target.method) return false;
  if (key === undefined) return true;
  const subject =
    target.key === "" ? (new URLSearchParams(target.query).get("prefix") ?? "") : target.key;
  if (key instanceof RegExp) return subject.search(key) !== -1;
  return key === subject;
}

const USUAL_CODES: Readonly<Record<number, string>> = {
  400: "BadRequest",
  403: "AccessDenied",
  404: "NoSuchKey",
  409: "ConditionalRequestConflict",
  412: "PreconditionFailed",
  429: "TooManyRequests",
  500: "InternalError",
  501: "NotImplemented",
  503: "SlowDown",
};

/** The code that S3 sends with `status` most of the time. */
export function usualCode(status: number): string {
  return USUAL_CODES[status] ?? (status < 500 ? "InvalidRequest" : "ServiceUnavailable");
}
