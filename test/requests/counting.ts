/**
 * Counts the requests of one operation: a mount over the embedded endpoint, a shell that stands in a
 * fresh directory of it, and the endpoint's own log.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { Child, run } from "../rigs/child.ts";
import { environmentFor, mountCommand } from "../rigs/mount-process.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import type { Operation } from "./operations.ts";

export const KINDS = ["HEAD", "LIST", "GET", "PUT", "other"] as const;
export type Kind = (typeof KINDS)[number];
/** How many requests of each kind; absent for none. */
export type Counts = Partial<Record<Kind, number>>;

const KIND_OF: Readonly<Record<string, Kind>> = {
  HeadObject: "HEAD",
  ListObjectsV2: "LIST",
  GetObject: "GET",
  PutObject: "PUT",
  UploadPart: "PUT",
};
const BUCKET = "test-bucket";
const FLAGS = ["--allow-delete", "--allow-overwrite"];
/** Without requests for this long, nothing that the operation began is left to come. */
const QUIET_MS = 100;

/** What is mounted: our program, or mount-s3 at this path. */
export type Program = "ours" | { readonly path: string };

export class CountingMount {
  readonly #scratch = new Scratch();
  readonly #source: string;
  #sandbox: SandboxProcess | undefined;
  #mount: Child | undefined;
  #directory = "";
  #count = 0;

  private constructor() {
    this.#source = this.#scratch.makeDirectory("source");
    for (const name of ["a", "b", "c"]) {
      mkdirSync(join(this.#source, name));
      for (const file of ["one", "two"]) writeFileSync(join(this.#source, name, file), "content");
    }
  }

  static async start(program: Program, args: readonly string[]): Promise<CountingMount> {
    const counting = new CountingMount();
    const sandbox = await SandboxProcess.start();
    counting.#sandbox = sandbox;
    await new BucketView(clientOf(sandbox.endpoint), BUCKET).create();
    const directory = counting.#scratch.makeDirectory("mount");
    const own = mountCommand({
      endpoint: sandbox.endpoint,
      bucket: BUCKET,
      directory,
      args: ["--foreground", ...FLAGS, ...args],
    });
    // The flags are the same, and so are the words in front of them.
    const [command, words] =
      program === "ours" ? [process.execPath, own] : [program.path, own.slice(1)];
    counting.#mount = new Child(command, words, { env: environmentFor(sandbox.endpoint) });
    await counting.#mount.waitForOutput(/ is mounted at .*\n/);
    counting.#directory = directory;
    return counting;
  }

  async close(): Promise<void> {
    await run("umount", [this.#directory]);
    await this.#mount?.exitWithin(30_000);
    await this.#sandbox?.stop();
    await this.#scratch.close();
  }

  /** Runs it once, in a new directory. */
  async count({ name, command, objects = {}, fails }: Operation): Promise<Counts> {
    const sandbox = this.#sandbox;
    if (sandbox === undefined) throw new Error("the mount has not started");
    this.#count += 1;
    const prefix = `operation-${this.#count}/`;
    const entries = Object.entries({ "": 0, ...objects });
    await sandbox.store(
      BUCKET,
      entries.map(([path, sizeBytes]) => ({ key: prefix + path, sizeBytes })),
    );
    const shell = new Child("sh", ["-c", `echo ready; read -r go; ${command}`], {
      cwd: join(this.#directory, prefix),
      env: { ...process.env, SOURCE: this.#source },
      stdio: ["pipe", "pipe", "pipe"],
    });
    await shell.waitForOutput(/ready\n/);
    await sandbox.clearRequests();
    shell.process.stdin?.end("go\n");
    const { code } = await shell.exitWithin(60_000);
    if ((code !== 0) !== (fails === true)) {
      throw new Error(shell.describe(`(${name}) ended with ${code}`));
    }
    return this.#settledCounts(sandbox);
  }

  async #settledCounts(sandbox: SandboxProcess): Promise<Counts> {
    for (let before = -1; ; ) {
      const requests = await sandbox.requests();
      if (requests.length === before) {
        const counts: Counts = {};
        for (const { operation } of requests) {
          const kind = KIND_OF[operation] ?? "other";
          counts[kind] = (counts[kind] ?? 0) + 1;
        }
        return counts;
      }
      before = requests.length;
      await setTimeout(QUIET_MS);
    }
  }
}

/** "HEAD 1, LIST 2", in the order of the table; "–" for none. */
export function describeCounts(counts: Counts): string {
  const parts = KINDS.flatMap((kind) => (counts[kind] ? [`${kind} ${counts[kind]}`] : []));
  return parts.length === 0 ? "–" : parts.join(", ");
}
