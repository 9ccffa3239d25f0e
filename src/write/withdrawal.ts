/**
 * Takes back the parts of an upload that failed. Whoever waits does so for one round of attempts only;
 * with a server that is away it goes on in the background, ever less often, for as long as the mount
 * lives, so that an outage leaves nothing that is unseen but billed.
 */

import { setTimeout as delay } from "node:timers/promises";

import { inBackground, type Log, messageOf } from "../base/log.ts";
import { type ObjectClient, S3Error, type S3ErrorKind } from "../s3/index.ts";

/** For one round, which somebody in close(2) waits for. */
const ROUND_MS = 30_000;
const PAUSE_MS = 5_000;
const PAUSE_MS_MAX = 600_000;

/** What another round may get over. An upload is not given up for a bad request or a wrong key. */
const PASSING: ReadonlySet<S3ErrorKind> = new Set<S3ErrorKind>([
  "expired-credentials",
  "network",
  "no-credentials",
  "server-error",
  "throttled",
  "timeout",
]);

export interface Withdrawal {
  readonly client: Pick<ObjectClient, "abortUpload">;
  readonly log: Log;
  readonly key: string;
  readonly uploadId: string;
  /** Before the second round; doubled for each that follows. */
  readonly pauseMs?: number;
}

/** Resolves after the first round, whatever came of it. Never rejects. */
export async function withdrawUpload(withdrawal: Withdrawal): Promise<void> {
  const failure = await tryRound(withdrawal);
  if (failure === undefined) return;
  const { key, log } = withdrawal;
  const passes = failure instanceof S3Error && PASSING.has(failure.kind);
  const remover = passes ? "this mount, when S3 answers again, " : "";
  log.warn(
    `the parts of the failed upload of ${JSON.stringify(key)} stay in the bucket, unseen but billed, ` +
      `until ${remover}a lifecycle rule or AbortMultipartUpload removes them: ${messageOf(failure)}`,
  );
  if (passes) inBackground(log, `removing the parts of ${JSON.stringify(key)}`, goOn(withdrawal));
}

/** Further rounds, until one succeeds or meets what does not pass, such as the end of the mount. */
async function goOn(withdrawal: Withdrawal): Promise<void> {
  let pauseMs = withdrawal.pauseMs ?? PAUSE_MS;
  for (;;) {
    // The process may end meanwhile.
    await delay(pauseMs, undefined, { ref: false });
    const failure = await tryRound(withdrawal);
    if (failure === undefined) {
      const key = JSON.stringify(withdrawal.key);
      withdrawal.log.info(`the parts of the failed upload of ${key} are removed`);
      return;
    }
    if (!(failure instanceof S3Error && PASSING.has(failure.kind))) return;
    pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
  }
}

/** Undefined when nothing is left; else why. */
async function tryRound({ client, key, uploadId }: Withdrawal): Promise<unknown> {
  const limit = AbortSignal.timeout(ROUND_MS);
  try {
    await client.abortUpload(key, uploadId, limit);
    return undefined;
  } catch (error) {
    if (!limit.aborted) return error;
    const operation = "AbortMultipartUpload";
    const message = `no success within ${ROUND_MS / 1000} s`;
    return new S3Error(message, { kind: "timeout", operation, key, cause: error });
  }
}
