/** The one file that a run leaves: everything that was measured and on what, so that it can be resumed. */

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Figure, Job } from "./jobs/job.ts";
import type { SizeName } from "./jobs/sizes.ts";
import type { Machine } from "./machine.ts";
import type { Usage } from "./processes.ts";

export const FORMAT = 2;

export interface Measurement {
  readonly job: string;
  readonly contender: string;
  readonly round: number;
  readonly figure: Figure;
  readonly usage: Usage;
  /** Resident memory while the job ran: seconds since its beginning, MiB. */
  readonly memory: readonly (readonly [seconds: number, mib: number])[];
  /** Of a long job, memory in use after a collection, where the mount tells: seconds, MiB. */
  readonly used?: Measurement["memory"] | undefined;
  /** The part of the machine that others had meanwhile, from 0 to 1. */
  readonly othersPart: number;
  /** CPU-seconds of what serves the mount and uses it: the server, the readers and the harness. */
  readonly aroundSeconds?: number;
}

export interface Failure {
  readonly job: string;
  readonly contender: string;
  readonly round: number;
  readonly message: string;
}

/** What a run was asked for; enough to go on with it. */
export interface RecordedSettings {
  readonly jobs: readonly string[];
  readonly contenders: readonly string[];
  readonly rounds: number;
  readonly seed: number;
  readonly sizes: SizeName;
  readonly seconds: number | undefined;
  readonly soakMinutes?: number | undefined;
  readonly server: string | undefined;
  readonly delayMs: number | undefined;
  readonly mibPerSecond: number | undefined;
  readonly bucket: string | undefined;
  readonly url: string | undefined;
  readonly region: string;
  readonly baseline: string;
}

export interface DescribedJob extends Pick<Job, "name" | "description" | "group" | "delayMs"> {
  readonly server: string;
  readonly point: Job["point"];
}

export interface DescribedContender {
  readonly name: string;
  readonly version: string;
  readonly note: string | undefined;
  /** By server, why it takes no part there. */
  readonly notApplicable?: Readonly<Record<string, string>> | undefined;
  /** As it was first started. */
  readonly command: string | undefined;
}

export interface Result {
  readonly format: typeof FORMAT;
  readonly machine: Machine;
  readonly cachesDropped: boolean;
  readonly settings: RecordedSettings;
  readonly contenders: readonly DescribedContender[];
  readonly servers: readonly { readonly name: string; readonly description: string }[];
  readonly jobs: readonly DescribedJob[];
  readonly measurements: readonly Measurement[];
  readonly failures: readonly Failure[];
}

/** Replaces the file as a whole, so that a run that is killed leaves one that can be read. */
export function writeResult(path: string, result: Result): void {
  const beside = `${path}.part`;
  writeFileSync(beside, `${JSON.stringify(result, null, 1)}\n`);
  renameSync(beside, path);
}

export function readResult(path: string): Result {
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (isResult(value)) return value;
  throw new Error(`${path} is not a result of this benchmark, or one of an older version of it`);
}

function isResult(value: unknown): value is Result {
  return (
    typeof value === "object" &&
    value !== null &&
    "format" in value &&
    value.format === FORMAT &&
    ["settings", "machine"].every((name) => typeof Reflect.get(value, name) === "object") &&
    ["measurements", "failures", "jobs", "contenders", "servers"].every((name) =>
      Array.isArray(Reflect.get(value, name)),
    )
  );
}
