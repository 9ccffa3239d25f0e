/**
 * What a job is: which objects it needs, what it does to one mount, and what the figure means. Jobs are
 * data; the harness loads, mounts, times, accounts and compares.
 */

import type { Mounted } from "../mounted.ts";
import type { Percentiles } from "../statistics.ts";
import type { Sizes } from "./sizes.ts";

/** Of the first three more is better, of the others less. */
export type Unit = "MiB/s" | "IOPS" | "s" | "ms" | "MiB";

export function moreIsBetter(unit: Unit): boolean {
  return unit === "MiB/s" || unit === "IOPS";
}

export interface Figure {
  readonly value: number;
  readonly unit: Unit;
  /** Bytes moved, where CPU per GiB means something. */
  readonly bytes?: number;
  /** Of `value`, where that is resident memory: what is in use, without what is not yet collected. */
  readonly usedMib?: number | undefined;
  /** What was done how often, where CPU per operation means something. */
  readonly operations?: number;
  /** Milliseconds by percentile, where single operations were timed. */
  readonly latencyMs?: Percentiles;
  /** Of a physical limit: what it is joined from. */
  readonly parts?: { readonly received: number; readonly served: number };
}

/** Objects of one size: `key(0)` to `key(count - 1)`, all below `prefix`. */
export interface DataSet {
  readonly prefix: string;
  readonly count: number;
  readonly bytes: number;
  readonly key: (index: number) => string;
  /** Only names and sizes are looked at: a server may make the objects up. */
  readonly onlyNames?: true;
}

/** One run of a job on one mount. */
export interface Cell {
  readonly mounted: Mounted;
  readonly sizes: Sizes;
  /** Begins the names of what the job writes; whatever begins so is removed afterwards. */
  readonly stem: string;
  /** Scratch directory outside of the mount. */
  readonly scratch: string;
}

/** What a mount would have to do at the least, for the reference programs. */
export interface Floor {
  /** Bytes asked of the server at once. */
  readonly rangeBytes: number;
  /** Requests that may be under way. */
  readonly connections: number;
}

export type ServerName =
  | "nginx"
  | "nginx-tls"
  | "minio"
  | "discard"
  | "sandbox"
  | "sandbox-discard"
  | "sandbox-express"
  | "given";

export interface Job {
  readonly name: string;
  readonly description: string;
  /** Jobs of a group share a section of the report. */
  readonly group: string;
  /** The server that suits the job, unless another is asked for. */
  readonly server: ServerName;
  readonly writes: boolean;
  /** Stays on its server where all jobs are to be on another of ours. */
  readonly needsDirectoryBucket?: true;
  /** Held back before each request reaches the server. */
  readonly delayMs: number;
  /** Further flags for ours and for mount-s3, which share them. */
  readonly mountFlags?: readonly string[];
  /** It is about a flag that others do not have. */
  readonly oursOnly?: true;
  /** Ours is mounted so that it tells what memory is in use. */
  readonly asksMemory?: true;
  /** Loaded once, before the first cell. */
  readonly data?: (sizes: Sizes) => readonly DataSet[];
  /** Loaded before each cell, below its stem. */
  readonly dataOfCell?: (sizes: Sizes, stem: string) => readonly DataSet[];
  readonly floor?: Floor;
  /** How long it takes where that is long, so that memory is looked at more seldom. */
  readonly secondsOf?: (sizes: Sizes) => number;
  /** The x of a curve, e.g. the number of streams. */
  readonly point?: { readonly curve: string; readonly x: number };
  readonly measure: (cell: Cell) => Promise<Figure>;
}
