/** The end of a mount: files that were written are stored first, as far as there is time. */

import { inBackground } from "../base/log.ts";
import type { Core } from "./core.ts";
import type { FileWriter } from "./file-writer.ts";

/** How long S3 may take to accept that an upload is given up. */
const ABORT_MS = 5000;

/** By key. */
export interface ShutdownReport {
  readonly stored: readonly string[];
  /** Those of the stored that somebody was still writing: what there was of them. */
  readonly unfinished: readonly string[];
  /** Failed, or not done in time: nothing is left of them. */
  readonly lost: readonly string[];
}

/** Stores what is being written, all at once, until `signal`; then aborts what is left. */
export async function storePending(core: Core, signal: AbortSignal): Promise<ShutdownReport> {
  core.isEnding = true;
  const stored: string[] = [];
  const unfinished: string[] = [];
  const lost: string[] = [];
  const storeOne = async (writer: FileWriter): Promise<void> => {
    const { key } = writer.file;
    const { isClosedByOpener } = writer;
    const isStored = await beforeAbort(writer.complete(), signal);
    if (isStored) {
      stored.push(key);
      if (!isClosedByOpener) unfinished.push(key);
      return;
    }
    lost.push(key);
    const aborting = writer.abort();
    inBackground(core.parts.log, `giving up on ${JSON.stringify(key)}`, aborting);
    await beforeAbort(aborting, AbortSignal.timeout(ABORT_MS));
  };
  await Promise.all(core.uses.writers().map(storeOne));
  return { stored, unfinished, lost };
}

/** Whether `work` succeeds before `signal` aborts. Never rejects. */
function beforeAbort(work: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const onAbort = (): void => resolve(false);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (isDone: boolean): void => {
      signal.removeEventListener("abort", onAbort);
      resolve(isDone);
    };
    work.then(
      () => settle(true),
      () => settle(false),
    );
  });
}
