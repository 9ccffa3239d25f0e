/**
 * One bucket on one embedded server with one mount, for tests that make the server misbehave. Each
 * test file has its own, because faults meet whoever comes first.
 */

import { join } from "node:path";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { KernelTree } from "../rigs/kernel-tree.ts";
import { MountProcess } from "../rigs/mount-process.ts";
import { FOR_OTHERS } from "../rigs/root.ts";
import { SandboxProcess, type SandboxRequest } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";

export interface WeatherOptions {
  /** Flags of the mount. */
  readonly args?: readonly string[];
  /** Attempts per request; the program's default when absent. */
  readonly attempts?: number;
  /** Whether the objects outlive the server's process. */
  readonly durable?: boolean;
}

export class Weather {
  readonly scratch = new Scratch();
  readonly #options: WeatherOptions;
  #sandbox: SandboxProcess | undefined;
  #mount: MountProcess | undefined;
  #bucket: BucketView | undefined;

  private constructor(options: WeatherOptions) {
    this.#options = options;
  }

  static async start(options: WeatherOptions = {}): Promise<Weather> {
    const weather = new Weather(options);
    const request: SandboxRequest = options.durable
      ? { directory: weather.scratch.makeDirectory("objects") }
      : {};
    weather.#sandbox = await SandboxProcess.start(request);
    weather.#bucket = new BucketView(clientOf(weather.sandbox.endpoint), "test-bucket");
    await weather.bucket.create();
    await weather.mountAgain();
    return weather;
  }

  get sandbox(): SandboxProcess {
    return present(this.#sandbox);
  }

  get mount(): MountProcess {
    return present(this.#mount);
  }

  get bucket(): BucketView {
    return present(this.#bucket);
  }

  get tree(): KernelTree {
    return new KernelTree(this.mount.directory);
  }

  path(relative: string): string {
    return join(this.mount.directory, relative);
  }

  /** A new process at a new directory; the old one must have ended. */
  async mountAgain(): Promise<void> {
    const { args = [], attempts } = this.#options;
    this.#mount = await MountProcess.start({
      endpoint: this.sandbox.endpoint,
      bucket: this.bucket.name,
      directory: this.scratch.makeDirectory("mount"),
      args: [...FOR_OTHERS, ...args],
      ...(attempts === undefined ? {} : { env: { AWS_MAX_ATTEMPTS: String(attempts) } }),
    });
  }

  /** The server's process dies, and comes back after `use` has run. */
  async whileServerIsDown(use: () => Promise<void>): Promise<void> {
    await this.sandbox.kill();
    try {
      await use();
    } finally {
      this.#sandbox = await this.sandbox.restart();
    }
  }

  /** The server hangs, and goes on after `use` has run. */
  async whileServerIsSilent(use: () => Promise<void>): Promise<void> {
    this.sandbox.freeze();
    try {
      await use();
    } finally {
      this.sandbox.thaw();
    }
  }

  /** Unmounts unless that has happened, and fails if anything is left. */
  async close(): Promise<void> {
    try {
      if (this.mount.child.running) await this.mount.stop();
      const uploads = await this.bucket.uploads();
      if (uploads.length > 0) throw new Error(`uploads left behind: ${uploads.join(", ")}`);
    } finally {
      await this.sandbox.stop();
      await this.scratch.close();
    }
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the weather has not started");
  return value;
}
