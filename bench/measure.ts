/** Measures one cell: a fresh mount, one run of the job, and what that cost. */

import { mkdtempSync, rmSync } from "node:fs";
import type { Contender } from "./contenders.ts";
import type { Figure, Job } from "./jobs/job.ts";
import type { Sizes } from "./jobs/sizes.ts";
import { partOfOthers, readLoad } from "./machine.ts";
import { sampleMemory, sampleUsed } from "./memory-sampler.ts";
import { type Mounted, mount } from "./mounted.ts";
import type { Measurement } from "./result.ts";
import type { Server } from "./servers/server.ts";

/** In memory, so that no disk limits what jobs keep there. */
const SCRATCH = "/dev/shm/mount-s3-ts-bench-scratch-";

export interface CellRequest {
  readonly job: Job;
  readonly contender: Contender;
  readonly round: number;
  readonly sizes: Sizes;
  readonly server: Server;
  /** Where the mount finds the server: `server.url`, or a slower way there. */
  readonly url: string | undefined;
  readonly signal: AbortSignal;
  /** Whether the caches of the whole machine are dropped before the mount. */
  readonly dropsCaches: boolean;
}

export async function measureCell(request: CellRequest): Promise<Measurement> {
  const { contender, job, round, server, signal, sizes } = request;
  const stem = `w-${job.name.replace("@", "-")}-${contender.name}-${round}-`;
  for (const set of job.dataOfCell?.(sizes, stem) ?? []) await server.load(set, signal);
  try {
    const target = {
      bucket: server.bucket,
      prefix: server.prefix,
      endpointUrl: request.url,
      region: server.region,
      anonymous: server.anonymous,
      caBundle: server.caBundle,
      environment: server.environment,
      mountFlags: job.mountFlags ?? [],
      tellsMemory: job.asksMemory === true,
    };
    const mounted = await mount(contender, target, request.dropsCaches);
    try {
      return {
        ...{ job: job.name, contender: contender.name, round },
        ...(await accounted(mounted, job, { sizes, stem })),
      };
    } finally {
      await mounted.unmount();
    }
  } finally {
    if (job.writes) await server.remove(stem);
  }
}

async function accounted(
  mounted: Mounted,
  job: Job,
  { sizes, stem }: { readonly sizes: Sizes; readonly stem: string },
): Promise<
  Pick<Measurement, "figure" | "usage" | "memory" | "used" | "othersPart" | "aroundSeconds">
> {
  const scratch = mkdtempSync(SCRATCH);
  try {
    const load = readLoad();
    const before = mounted.usage();
    const seconds = job.secondsOf?.(sizes);
    const samples = sampleMemory(mounted.pid, seconds);
    const usedSamples = seconds === undefined ? undefined : sampleUsed(mounted.usedMib, seconds);
    let figure: Figure;
    let memory: Measurement["memory"] = [];
    let used: Measurement["used"];
    try {
      figure = await job.measure({ mounted, sizes, stem, scratch });
    } finally {
      memory = samples();
      used = await usedSamples?.();
    }
    const after = mounted.usage();
    const loadAfter = readLoad();
    const usage = {
      cpuSeconds: after.cpuSeconds - before.cpuSeconds,
      firstThreadSeconds: (after.firstThreadSeconds ?? 0) - (before.firstThreadSeconds ?? 0),
      peakMemoryMib: after.peakMemoryMib,
    };
    const aroundSeconds = Math.max(0, loadAfter.ownSeconds - load.ownSeconds - usage.cpuSeconds);
    const othersPart = partOfOthers(load, loadAfter);
    return { figure, usage, memory, used, aroundSeconds, othersPart };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
