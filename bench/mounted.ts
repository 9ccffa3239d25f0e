/** One contender mounted for one cell of the benchmark, and what it used while it was. */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Contender, Target } from "./contenders.ts";
import { run, stop, type Usage, until, usageOf } from "./processes.ts";

export interface Mounted {
  readonly directory: string;
  readonly secondsToMount: number;
  /** CPU time and peak memory since the process started. */
  usage(): Usage;
  unmount(): Promise<void>;
}

/** Drops the kernel's caches and mounts. Throws, leaving nothing behind, when it does not come up. */
export async function mount(
  contender: Contender,
  target: Omit<Target, "directory">,
): Promise<Mounted> {
  const directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-bench-"));
  await run("sync", []);
  writeFileSync("/proc/sys/vm/drop_caches", "3");
  const [command = "", ...args] = contender.command({ ...target, directory });
  const begun = process.hrtime.bigint();
  const child = spawn(command, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      ...process.env,
      ...(target.caBundle === undefined
        ? {}
        : { AWS_CA_BUNDLE: target.caBundle, SSL_CERT_FILE: target.caBundle }),
    },
  });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  const unmount = async (): Promise<void> => {
    if (isMounted(directory))
      await run("umount", [directory]).catch(() => run("umount", ["-l", directory]));
    await stop(child);
    rmdirSync(directory);
  };
  try {
    await until(`${contender.name} to mount`, () => {
      if (child.exitCode !== null) throw new Error(`${contender.name} ended: ${complaint.trim()}`);
      return isMounted(directory);
    });
  } catch (error) {
    await unmount();
    throw error;
  }
  const secondsToMount = Number(process.hrtime.bigint() - begun) / 1e9;
  return { directory, secondsToMount, usage: () => usageOf(child.pid ?? 0), unmount };
}

function isMounted(directory: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8").includes(` ${directory} `);
}
