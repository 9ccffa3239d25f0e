/** Whether the server lists from a given name on, in order; found out by whoever asks first. */

import type { Log } from "../base/log.ts";
import { S3Error } from "../s3/index.ts";

export class StartAfter {
  readonly #log: Log;
  #isSupported: boolean;

  constructor(isSupported: boolean, log: Log) {
    this.#isSupported = isSupported;
    this.#log = log;
  }

  get isSupported(): boolean {
    return this.#isSupported;
  }

  /** It does not, as an answer has shown. */
  giveUp(): void {
    if (!this.#isSupported) return;
    this.#isSupported = false;
    this.#log.info("the server does not list from a given key on: every name is asked for alone");
  }
}

/** Whether `error` says that a server does not know the parameter. */
export function isRefusal(error: unknown): boolean {
  return (
    error instanceof S3Error && (error.kind === "rejected" || error.kind === "not-implemented")
  );
}
