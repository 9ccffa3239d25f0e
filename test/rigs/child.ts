/**
 * A child process of a test: its output is kept, its end can be awaited, and it cannot outlive the
 * test. The one thing to know: `Child.alive` is what the teardown of every file inspects.
 */

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Child {
  /** Every child that has not exited. */
  static readonly alive = new Set<Child>();

  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves when the process has exited and its output is complete. */
  readonly exited: Promise<Exit>;
  stdout = "";
  stderr = "";

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.name = `${command} ${args.join(" ")}`.slice(0, 200);
    this.process = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    Child.alive.add(this);
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve, reject) => {
      this.process.once("error", (error) => {
        Child.alive.delete(this);
        reject(error);
      });
      this.process.once("close", (code, signal) => {
        Child.alive.delete(this);
        resolve({ code, signal });
      });
    });
    this.exited.catch(() => {});
  }

  get pid(): number {
    const { pid } = this.process;
    if (pid === undefined) throw new Error(`${this.name} did not start`);
    return pid;
  }

  get running(): boolean {
    return Child.alive.has(this);
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** Resolves with what matched once the standard output holds `expected`. */
  async waitForOutput(expected: RegExp): Promise<string> {
    for (;;) {
      const found = expected.exec(this.stdout)?.[0];
      if (found !== undefined) return found;
      if (!this.running) throw new Error(this.describe(`never printed ${expected}`));
      const more = new AbortController();
      await Promise.race([
        this.process.stdout === null
          ? Promise.reject(new Error("standard output is not a pipe"))
          : once(this.process.stdout, "data", { signal: more.signal }),
        this.exited,
      ]).finally(() => more.abort());
    }
  }

  /** The exit, or a failure (after a SIGKILL) when it does not come in time. */
  async exitWithin(timeoutMs: number): Promise<Exit> {
    const timeout = setTimeout(() => this.signal("SIGKILL"), timeoutMs);
    const started = Date.now();
    const exit = await this.exited;
    clearTimeout(timeout);
    if (exit.signal === "SIGKILL" && Date.now() - started >= timeoutMs) {
      throw new Error(this.describe(`did not exit within ${timeoutMs} ms`));
    }
    return exit;
  }

  describe(what: string): string {
    return `${this.name} ${what}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`;
  }
}

export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, for at most `timeoutMs` (60 s when absent). */
export async function run(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { readonly timeoutMs?: number } = {},
): Promise<Finished> {
  const child = new Child(command, args, options);
  const exit = await child.exitWithin(options.timeoutMs ?? 60_000);
  return { ...exit, stdout: child.stdout, stderr: child.stderr };
}

/** As `run`, and fails unless the program exits with 0. Returns what it printed. */
export async function succeed(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { readonly timeoutMs?: number } = {},
): Promise<string> {
  const { code, signal, stdout, stderr } = await run(command, args, options);
  if (code !== 0) {
    throw new Error(
      `${command} ${args.join(" ")} ended with ${signal ?? code}: ${stderr}${stdout}`,
    );
  }
  return stdout;
}
