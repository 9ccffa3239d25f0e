/** The demo's mount: the program itself, started as a person would, and the traces that it leaves. */

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { programPath } from "../../base/package.ts";
import { CliError } from "../error.ts";
import { detachMount, isMounted } from "../mount-point.ts";

const EXIT_TIMEOUT_MS = 15_000;

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class MountChild {
  readonly #directory: string;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(directory: string, environment: NodeJS.ProcessEnv) {
    this.#directory = directory;
    this.#environment = environment;
  }

  /** Mounts in the background; resolves with the line that the program prints. */
  async mount(args: readonly string[]): Promise<string> {
    const run = await runProgram(
      process.execPath,
      [programPath("main"), ...args],
      this.#environment,
    );
    if (run.status === 0) return run.stdout.trim();
    throw new CliError("failure", run.stderr.trim().replace(/^mount-s3-ts: /, ""));
  }

  /** Unmounts from outside and waits until the daemon has ended by itself. */
  async unmount(): Promise<void> {
    const asRoot = process.getuid?.() === 0;
    const [program, ...args] = asRoot
      ? ["umount", this.#directory]
      : ["fusermount3", "-u", this.#directory];
    const { status, stderr } = await runProgram(program ?? "", args, this.#environment);
    if (status !== 0) throw new CliError("failure", `unmounting failed: ${stderr.trim()}`);
    const deadlineMs = performance.now() + EXIT_TIMEOUT_MS;
    while (this.daemons().length > 0) {
      if (performance.now() > deadlineMs) {
        throw new CliError("failure", `the mount process did not end after the unmount`);
      }
      await sleep(20);
    }
  }

  get mounted(): boolean {
    return isMounted(this.#directory);
  }

  /** The processes that serve this directory. */
  daemons(): readonly number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => commandLineOf(pid).includes(this.#directory))
      .map(Number);
  }

  /** Leaves nothing behind, whatever state it is in. */
  clear(): void {
    for (const pid of this.daemons()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    detachMount(this.#directory);
  }
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(join("/proc", pid, "cmdline"), "utf8");
  } catch {
    return "";
  }
}

/** Runs a program to its end. Rejects when it cannot be started. */
export function runProgram(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}
