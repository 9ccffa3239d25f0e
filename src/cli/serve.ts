/**
 * One mount from start to end inside this process, in the foreground or in the daemon: it mounts,
 * reports, serves until something ends it, unmounts, and says with what status to exit.
 *
 *   starting ──▶ serving ──▶ unmounting ──▶ ended
 *       └ a signal, an unmount from outside or a crash moves it on; a second signal stops waiting
 */

import { setFlagsFromString } from "node:v8";
import { deferred } from "../base/deferred.ts";
import { messageOf } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { findMount } from "../base/mountinfo.ts";
import type { Mounted, MountOptions } from "../mount/index.ts";
import { type LogWriter, logMetrics } from "../telemetry/index.ts";
import { CliError } from "./error.ts";
import { detachMount } from "./mount-point.ts";
import { RecordKeeper } from "./mounts/record.ts";
import { isDeadMount } from "./mounts/survey.ts";
import { claimPidFile } from "./pid-file.ts";

/** Beyond the time that uploads may take: for the last requests and the unmount itself. */
const UNMOUNT_GRACE_MS = 10_000;

/** For a mount that is asked to end before it is there: it may be waiting for S3, which we do not. */
const GIVE_UP_MS = 2000;

/** Asks for the next verbosity of the log, as with mount-s3. */
const VERBOSITY_SIGNAL = "SIGUSR2";

/**
 * How much of a function has to run before V8 optimizes it, in bytes of bytecode. Optimizing takes other threads longer
 * than 2,000 small files need, on cores that whoever reads them could use.
 */
const INTERRUPT_BUDGET = 300_000;
/** V8's own: for whoever reads one file here and there again and again, and waits for code that is not optimized. */
const INTERRUPT_BUDGET_OF_LONG_WORK = 67_584;

/** Signals that ask for a clean end. SIGHUP is a terminal that was closed. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Service {
  readonly options: MountOptions;
  readonly pidFile: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: LogWriter;
  /** Whether the log has metrics, too. */
  readonly logsMetrics: boolean;
  /** Called once, when the mount answers. */
  readonly onMounted: (summary: string) => void;
  /** Ends the service like a signal, for whoever started this process and has gone away. */
  readonly abandoned: Promise<string>;
}

type End = { readonly reason: string; readonly crash?: unknown; readonly isGone?: true };

/** Resolves with the exit status. Rejects when the mount could not be made. */
export async function serve(service: Service): Promise<number> {
  const { log, logsMetrics, pidFile } = service;
  const release = pidFile === undefined ? () => {} : claimPidFile(pidFile);
  const metrics = logsMetrics ? logMetrics({ log: log.named("metrics") }) : undefined;
  try {
    return await serveMount(service, metrics);
  } finally {
    metrics?.close();
    release();
  }
}

async function serveMount(service: Service, metrics?: Metrics): Promise<number> {
  const { options, log } = service;
  const end = deferred<End>();
  const hurry = new AbortController();
  let signals = 0;
  const onSignal = (signal: string): void => {
    signals++;
    if (signals === 1) end.resolve({ reason: `got ${signal}` });
    else hurry.abort();
  };
  const onCrash = (error: unknown): void => {
    log.error(`internal error, unmounting: ${stackOf(error)}`);
    end.resolve({ reason: "internal error", crash: error });
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, onSignal);
  process.on(VERBOSITY_SIGNAL, () => log.nextVerbosity());
  process.on("uncaughtException", onCrash).on("unhandledRejection", onCrash);
  service.abandoned.then((reason) => end.resolve({ reason }), onCrash);

  const mounted = await startMount(service, end.promise, metrics);
  const { device } = mounted;
  const record = device && RecordKeeper.begin(device, options, service);
  service.onMounted(mounted.summary);
  // Not before: what was compiled in advance, by Node or for this program, is not taken under other options.
  setInterruptBudget(INTERRUPT_BUDGET);
  // Little outlives a request: to wait for threads that help to collect the rest takes longer than to do it.
  setFlagsFromString("--no-parallel-scavenge");
  // Nor does it need more young memory than there is: what is used again is in the processor's cache.
  setFlagsFromString("--semi-space-growth-factor=1");
  log.info(mounted.summary);
  mounted.closed.then(
    () => end.resolve({ reason: "unmounted from outside", isGone: true }),
    (error: unknown) => {
      log.error(`the mount broke: ${messageOf(error)}`);
      end.resolve({ reason: "the mount broke", crash: error });
    },
  );

  const { reason, crash, isGone } = await end.promise;
  log.info(`${reason}: unmounting ${options.directory}`);
  const clean = await unmount(mounted, service, hurry.signal);
  // When it is gone, what is there is somebody else's, or its connection was aborted and nobody's.
  const isLeft = isGone ? isLeftDead(options.directory, device) : !clean;
  if (isLeft) detachMount(options.directory);
  if (record) record.end(mounted.lostKeys.size);
  log.info(`${options.directory} is unmounted`);
  return clean && crash === undefined && mounted.lostKeys.size === 0 ? 0 : 1;
}

function isLeftDead(directory: string, device: string | undefined): boolean {
  return findMount(directory)?.device === device && isDeadMount(directory);
}

function setInterruptBudget(bytes: number): void {
  setFlagsFromString(`--interrupt-budget=${bytes}`);
}

/** The mount, unless `ended` comes first; what is mounted too late is unmounted at once. */
async function startMount(
  service: Service,
  ended: Promise<End>,
  metrics?: Metrics,
): Promise<Mounted> {
  const { options, environment, log } = service;
  const { mountBucket } = await import("../mount/index.ts");
  const mounting = mountBucket(options, {
    log,
    environment,
    metrics,
    onManyReads: () => setInterruptBudget(INTERRUPT_BUDGET_OF_LONG_WORK),
  });
  const first = await Promise.race([mounting, ended]);
  if (!("reason" in first)) return first;

  const undone = mounting.then((mounted) => mounted.unmount());
  await Promise.race([undone.catch(() => {}), timeout(GIVE_UP_MS)]);
  detachMount(options.directory);
  throw new CliError(
    "failure",
    `mounting ${options.bucket} at ${options.directory} was given up: ${first.reason}`,
    { cause: first.crash },
  );
}

/** Whether everything ended as it should, in time. */
async function unmount(mounted: Mounted, service: Service, hurry: AbortSignal): Promise<boolean> {
  const { options, log } = service;
  const unmounting = mounted.unmount(hurry).then(
    () => true,
    (error: unknown) => {
      log.error(`unmounting ${options.directory} failed: ${messageOf(error)}`);
      return false;
    },
  );
  const limitMs = options.uploadTimeoutMs + UNMOUNT_GRACE_MS;
  const outcome = await Promise.race([
    unmounting,
    aborted(hurry).then(() => timeout(UNMOUNT_GRACE_MS)),
    timeout(limitMs),
  ]);
  if (outcome === true) return true;
  if (outcome === undefined) {
    log.error(`unmounting ${options.directory} took too long and was cut short`);
  }
  return false;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function timeout(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : messageOf(error);
}
