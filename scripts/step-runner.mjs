/**
 * Runs the steps of a script: says what is done and how long it should take, keeps the output in a log
 * file, gives a sign of life during long steps, and shows the end of the output when one fails.
 */

import { spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { formatSeconds } from "./setup-checks.mjs";

const HEARTBEAT_MS = 20_000;
const TAIL_LINES = 30;

/** A step that cannot be done. The message is complete: what, why, and what to do about it. */
export class StepError extends Error {}

export class StepRunner {
  #logPath;
  #children = new Set();

  constructor(logPath) {
    this.#logPath = logPath;
    writeFileSync(logPath, "");
  }

  say(message) {
    console.log(`setup: ${message}`);
    appendFileSync(this.#logPath, `== ${message}\n`);
  }

  /** Does `work`, saying before what and how long, and afterwards how long it was. */
  async step(what, estimate, work) {
    this.say(`${what} (${estimate}) ...`);
    const startMs = performance.now();
    const elapsed = () => formatSeconds(performance.now() - startMs);
    const heartbeat = setInterval(
      () => this.say(`... still ${what}, ${elapsed()} so far`),
      HEARTBEAT_MS,
    );
    try {
      await work();
    } finally {
      clearInterval(heartbeat);
    }
    this.say(`... done in ${elapsed()}`);
  }

  /** Runs a program to its end with its output in the log; failing is a StepError with `remedy`. */
  async run(program, args, remedy, environment = {}) {
    appendFileSync(this.#logPath, `$ ${program} ${args.join(" ")}\n`);
    const fd = openSync(this.#logPath, "a");
    const tail = [];
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    this.#children.add(child);
    const keep = (chunk) => {
      appendFileSync(fd, chunk);
      tail.push(...chunk.toString().split("\n"));
      tail.splice(0, Math.max(0, tail.length - TAIL_LINES));
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const outcome = await new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) =>
        resolve(code === 0 ? undefined : (signal ?? `exit status ${code}`)),
      );
    });
    this.#children.delete(child);
    closeSync(fd);
    if (outcome === undefined) return;
    const output = tail.join("\n").trim();
    throw new StepError(
      `${program} ${args.join(" ")} failed: ${outcome}\n${output}\n\nThe whole output is in ${this.#logPath}.\n${remedy}`,
    );
  }

  /** When all went well. */
  discardLog() {
    rmSync(this.#logPath, { force: true });
  }

  /** Ends what is running, for whoever was interrupted. */
  stop() {
    for (const child of this.#children) child.kill("SIGTERM");
  }
}
