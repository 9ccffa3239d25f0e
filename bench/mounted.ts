/** One contender mounted for one cell of the benchmark, and what it used while it was. */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Contender, Target } from "./contenders.ts";
import {
  adopt,
  descendantsOf,
  residentMibOf,
  run,
  stop,
  type Usage,
  until,
  usageOf,
} from "./processes.ts";

export interface Mounted {
  readonly directory: string;
  readonly secondsToMount: number;
  /** Of the process that serves, which others may be below. */
  readonly pid: number;
  /** CPU time and peak memory since the process started. */
  usage(): Usage;
  /** Memory that is resident now. */
  residentMib(): number;
  /** Memory that is in use after everything else was collected; undefined where the mount cannot tell. */
  usedMib(): Promise<number | undefined>;
  unmount(): Promise<void>;
}

/** Whether the kernel lets this user drop its caches. */
export function dropCaches(): boolean {
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}

/** What tunes the runtime of one contender's language would decide more than the contender does. */
function inherited(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter(([name]) => !/^(?:NODE_|UV_|GO[A-Z]|RUST_)/.test(name)));
}

/**
 * Mounts, with the caches of the whole machine written back and dropped before, if they are to be. Throws,
 * leaving nothing behind, when it does not come up.
 */
export async function mount(
  contender: Contender,
  target: Omit<Target, "directory">,
  dropsCaches: boolean,
): Promise<Mounted> {
  const directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-bench-"));
  if (dropsCaches) {
    await run("sync", []);
    dropCaches();
  }
  const [command = "", ...args] = contender.command({ ...target, directory });
  const begun = process.hrtime.bigint();
  const child = adopt(
    spawn(command, args, {
      stdio: ["ignore", "ignore", "pipe"],
      // Ctrl-C is for the harness, which unmounts.
      detached: true,
      env: { ...inherited(), ...target.environment },
    }),
  );
  let complaint = "";
  let told = 0;
  child.on("error", (error) => {
    complaint = error.message;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
    told = Number(/collected (\d+)\n/.exec(complaint)?.[1] ?? told);
  });
  const unmount = async (): Promise<void> => {
    if (isMounted(directory)) {
      const how = process.getuid?.() === 0 ? ["umount"] : ["fusermount3", "-u"];
      const [program = "", ...flags] = how;
      await run(program, [...flags, directory]).catch(() =>
        run(program, [...flags, program === "umount" ? "-l" : "-z", directory]),
      );
    }
    await stop(child);
    rmdirSync(directory);
  };
  const pid = child.pid ?? 0;
  try {
    await until(`${contender.name} to mount`, () => {
      if (child.exitCode !== null || child.pid === undefined) {
        throw new Error(`${contender.name} ended: ${complaint.trim()}`);
      }
      return isMounted(directory);
    });
  } catch (error) {
    await unmount();
    throw error;
  }
  return {
    directory,
    secondsToMount: Number(process.hrtime.bigint() - begun) / 1e9,
    pid,
    usage: () => usageOf(pid),
    residentMib: () => residentMibOf([pid, ...descendantsOf(pid)]),
    usedMib: async () => {
      if (!(target.tellsMemory && contender.tellsMemory)) return undefined;
      complaint = "";
      told = 0;
      child.kill("SIGUSR2");
      await until(`${contender.name} to tell what memory it uses`, () => told > 0);
      return told / 2 ** 20;
    },
    unmount,
  };
}

function isMounted(directory: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8").includes(` ${directory} `);
}
