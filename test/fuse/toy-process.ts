/** The other process of a kernel test: `toy-mount.mjs`, with what it says in order. */

import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseMountinfo } from "../../src/base/mountinfo.ts";

export interface ToyReport {
  readonly calls: Readonly<Record<string, number>>;
  readonly held: Readonly<Record<string, number>>;
  readonly open: number;
  readonly lent: number;
  readonly failures: readonly string[];
  readonly pendingRequests: number;
  readonly keptPayloads: number;
}

export class ToyProcess {
  readonly #child: ChildProcess;
  readonly #said: Record<string, unknown>[] = [];
  readonly #directory: string;

  constructor(directory: string, flags: Readonly<Record<string, unknown>> = {}) {
    this.#directory = directory;
    const script = fileURLToPath(new URL("toy-mount.mjs", import.meta.url));
    this.#child = fork(script, [directory, JSON.stringify(flags)], { execArgv: [] });
    this.#child.on("message", (message) => this.#said.push(message as Record<string, unknown>));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  order(order: string | Readonly<Record<string, unknown>>): void {
    this.#child.send(order);
  }

  /** What it says next, or has said already, under `key`; fails when it ends instead. */
  async hear<T = unknown>(key: string): Promise<T> {
    for (;;) {
      const index = this.#said.findIndex((message) => key in message);
      if (index >= 0) return this.#said.splice(index, 1)[0]?.[key] as T;
      if (!this.#child.connected) {
        throw new Error(`ended without saying ${key}; said ${JSON.stringify(this.#said)}`);
      }
      await Promise.race([once(this.#child, "message"), once(this.#child, "disconnect")]);
    }
  }

  async report(): Promise<ToyReport> {
    this.order("report");
    return await this.hear<ToyReport>("report");
  }

  /** Ends the process, if it runs; its mount stays, dead. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  /** Ends whatever still is: the mount, then the process. */
  async clear(): Promise<void> {
    if (isMounted(this.#directory)) spawnSync("umount", ["-l", this.#directory]);
    await this.kill();
  }
}

export function isMounted(directory: string): boolean {
  const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
  return mounts.some((mount) => mount.directory === directory);
}
