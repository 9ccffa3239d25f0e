/** The process that works on the mount: started, given loads, ended. */

import { type ChildProcess, fork } from "node:child_process";
import { programPath } from "../../base/package.ts";
import { CliError } from "../error.ts";
import { AT_ONCE_MAX, type Load, type LoadOutcome } from "./load.ts";
import type { LoadAnswer, LoadOrder } from "./load-process.ts";

export class LoadChild {
  readonly #child: ChildProcess;
  readonly #ended: Promise<undefined>;

  constructor(environment: NodeJS.ProcessEnv) {
    this.#child = fork(programPath("load-process"), [], {
      env: { ...environment, UV_THREADPOOL_SIZE: String(AT_ONCE_MAX) },
      execArgv: [],
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", () => resolve(undefined));
      this.#child.once("error", () => resolve(undefined));
    });
  }

  /** Has the load carried out in the directory. One at a time. */
  async run(load: Load, directory: string): Promise<LoadOutcome> {
    const answered = new Promise<LoadAnswer>((resolve) => this.#child.once("message", resolve));
    const order: LoadOrder = { load, directory };
    this.#child.send(order);
    const answer = await Promise.race([answered, this.#ended]);
    if (answer?.kind === "done") return answer.outcome;
    throw new CliError("failure", answer?.message ?? "the process that does the work has ended");
  }

  /** Nothing of it holds the mount afterwards. */
  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
