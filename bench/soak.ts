/**
 * Uses a mount gently for a time, as a machine that does a little of everything: reads, lists, makes and
 * removes, checks what it sees, and prints how many steps that were. FOLDER STEM SECONDS STEPS-A-SECOND,
 * where FOLDER has what the job `soak` loads, and everything made begins with STEM.
 */

import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "./statistics.ts";

const MIB = 2 ** 20;
const [folder = "", stem = "", seconds, stepsPerSecond] = process.argv.slice(2);

/** Steps are made by so many at once. */
const LANES = 4;
/** Files that each of them has made and not yet removed. */
const KEPT = 50;
/** More than one part, so that it is a multipart upload. */
const LARGE_BYTES = 12 * MIB;
const PLACE_BYTES = 64 * 1024;

class Lane {
  steps = 0;
  readonly #random: () => number;
  readonly #stem: string;
  readonly #made: { readonly path: string; readonly bytes: number }[] = [];
  #names = 0;

  constructor(number: number) {
    this.#random = seededRandom(number);
    this.#stem = join(folder, `${stem}${number}-`);
  }

  async run(untilMs: number, everyMs: number): Promise<void> {
    const actions = this.#actions();
    let next = performance.now() + this.#random() * everyMs;
    while (next < untilMs) {
      await delay(Math.max(0, next - performance.now()));
      await this.#oneOf(actions)();
      this.steps++;
      next += everyMs;
    }
    while (this.#made.length > 0) await this.#removeOldest();
  }

  /** As often as they are named. */
  #actions(): readonly (() => Promise<void>)[] {
    const usual = [
      () => this.#readPlaces(),
      () => this.#readSmall(),
      () => this.#create(),
      () => this.#missing(),
    ];
    const rare = [() => this.#list(), () => this.#readInOrder(), () => this.#directory()];
    return [...usual, ...usual, ...usual, ...rare, () => this.#large()];
  }

  #oneOf<Each>(all: readonly Each[]): Each {
    const one = all[Math.floor(this.#random() * all.length)];
    if (one === undefined) throw new Error("there is nothing to choose from");
    return one;
  }

  #newPath(): string {
    return `${this.#stem}${this.#names++}`;
  }

  async #names8k(): Promise<readonly string[]> {
    return readdir(join(folder, "soak-small"));
  }

  async #readPlaces(): Promise<void> {
    const path = join(folder, "soak-big.0");
    const file = await open(path, constants.O_RDONLY | constants.O_DIRECT);
    try {
      const { size } = await file.stat();
      for (let times = 0; times < 4; times++) {
        const at = Math.floor((this.#random() * (size - PLACE_BYTES)) / 4096) * 4096;
        const { bytesRead } = await file.read(Buffer.allocUnsafe(PLACE_BYTES), 0, PLACE_BYTES, at);
        check(bytesRead === PLACE_BYTES, `${bytesRead} bytes were read at ${at} of ${path}`);
      }
    } finally {
      await file.close();
    }
  }

  async #readInOrder(): Promise<void> {
    const path = join(folder, "soak-big.1");
    const { size } = await stat(path);
    const { length } = await readFile(path);
    check(length === size, `${length} of ${size} bytes of ${path} were read`);
  }

  async #readSmall(): Promise<void> {
    const names = await this.#names8k();
    for (let times = 0; times < 4; times++) {
      const path = join(folder, "soak-small", this.#oneOf(names));
      const { length } = await readFile(path);
      check(length === 8192, `${path} had ${length} bytes`);
    }
  }

  async #list(): Promise<void> {
    for (const name of await this.#names8k()) await stat(join(folder, "soak-small", name));
  }

  async #create(): Promise<void> {
    const path = this.#newPath();
    const bytes = 1 + Math.floor(this.#random() * 65_536);
    await writeFile(path, Buffer.alloc(bytes, 1));
    this.#made.push({ path, bytes });
    if (this.#made.length > KEPT) await this.#removeOldest();
  }

  async #removeOldest(): Promise<void> {
    const oldest = this.#made.shift();
    if (oldest === undefined) return;
    const { size } = await stat(oldest.path);
    check(size === oldest.bytes, `${oldest.path} had ${size} bytes, not ${oldest.bytes}`);
    await unlink(oldest.path);
  }

  /** Of a name that nobody has asked for before. */
  async #missing(): Promise<void> {
    const path = this.#newPath();
    const code = await stat(path).then(
      () => "a file",
      (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
    );
    check(code === "ENOENT", `${path} was not to be found, but there was ${String(code)}`);
  }

  async #large(): Promise<void> {
    const path = this.#newPath();
    await writeFile(path, Buffer.alloc(LARGE_BYTES, 1));
    const { length } = await readFile(path);
    check(length === LARGE_BYTES, `${length} bytes of ${path} were read back`);
    await unlink(path);
  }

  async #directory(): Promise<void> {
    const path = this.#newPath();
    const file = join(path, "file");
    await mkdir(path);
    await writeFile(file, "content");
    const names = await readdir(path);
    check(names.join() === "file", `${path} had ${names.join()}`);
    await unlink(file);
    // What is empty on S3 is gone with its last file; what was made by mkdir alone is not.
    await rmdir(path).catch((error: unknown) => {
      check(error instanceof Error && "code" in error && error.code === "ENOENT", String(error));
    });
  }
}

function check(holds: boolean, complaint: string): void {
  if (!holds) throw new Error(complaint);
}

const lanes = Array.from({ length: LANES }, (_, number) => new Lane(number));
const untilMs = performance.now() + 1000 * Number(seconds);
const everyMs = (1000 * LANES) / Number(stepsPerSecond);
await Promise.all(lanes.map((lane) => lane.run(untilMs, everyMs)));
process.stdout.write(`${lanes.reduce((total, { steps }) => total + steps, 0)}\n`);
