/**
 * Storing an object only where there is none (If-None-Match), also with servers that do not know the
 * condition: they are asked first whether there is one, which leaves a gap between question and
 * answer. What the server knows is found out once and remembered.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import type { Log } from "../base/log.ts";
import { S3Error } from "./error.ts";

/** What may stand in the way of a request that makes an object visible. */
export interface Condition {
  readonly key: string;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: "*";
}

export class Conditions {
  readonly #exists: (key: string, signal?: CancelSignal) => Promise<boolean>;
  readonly #log: Log;
  #isNoneMatchKnown: boolean = true;

  constructor(exists: (key: string, signal?: CancelSignal) => Promise<boolean>, log: Log) {
    this.#exists = exists;
    this.#log = log;
  }

  /** Runs `store` with the headers of the condition, or without them where that is as good. */
  async run<T>(
    condition: Condition,
    store: (headers: Readonly<Record<string, string>>) => Promise<T>,
    signal?: CancelSignal,
  ): Promise<T> {
    const asksForNone = condition.ifNoneMatch !== undefined;
    if (asksForNone && !this.#isNoneMatchKnown) return this.#askFirst(condition, store, signal);
    try {
      return await store(headersOf(condition));
    } catch (error) {
      if (!asksForNone || !mayMeanUnknown(error)) throw error;
      const stored = await this.#askFirst(condition, store, signal);
      // It was the condition: without it the same request was accepted.
      if (this.#isNoneMatchKnown) {
        this.#log.warn(
          "the server does not know If-None-Match: before a new file is stored it is asked whether there is one, which another client may make in between",
        );
      }
      this.#isNoneMatchKnown = false;
      return stored;
    }
  }

  async #askFirst<T>(
    { key }: Condition,
    store: (headers: Readonly<Record<string, string>>) => Promise<T>,
    signal: CancelSignal | undefined,
  ): Promise<T> {
    if (!(await this.#exists(key, signal))) return await store({});
    const message = "there is such an object already";
    throw new S3Error(message, { kind: "precondition-failed", operation: "HeadObject", key });
  }
}

function headersOf({ ifMatch, ifNoneMatch }: Condition): Record<string, string> {
  const headers: Record<string, string> = {};
  if (ifMatch !== undefined) headers["if-match"] = ifMatch;
  if (ifNoneMatch !== undefined) headers["if-none-match"] = ifNoneMatch;
  return headers;
}

const CODES: ReadonlySet<string> = new Set(["InvalidArgument", "InvalidRequest"]);

/** Servers say it in many ways, none of which says what it was that they do not know. */
function mayMeanUnknown(error: unknown): boolean {
  if (!(error instanceof S3Error)) return false;
  if (error.kind === "not-implemented") return true;
  return error.kind === "rejected" && error.status === 400 && CODES.has(error.code ?? "");
}
