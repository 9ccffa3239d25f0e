/** The demo's side of its S3 endpoint: starts the process, asks it, ends it. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { programPath } from "../../base/package.ts";
import { CliError } from "../error.ts";
import type { AnsweredRequest, SandboxMessage, SandboxQuestion } from "./sandbox-process.ts";

export interface SandboxAnswers {
  readonly requests: readonly AnsweredRequest[];
  readonly unfinished: readonly string[];
}

export class SandboxChild {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** `environment` holds the credentials to accept, and DEMO_BUCKET. */
  static async start(environment: NodeJS.ProcessEnv): Promise<SandboxChild> {
    const child = fork(programPath("sandbox-process"), [], {
      env: environment,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const message = await nextMessage(child);
    if (message.kind === "listening") return new SandboxChild(child, message.url);
    const why = message.kind === "failed" ? message.message : "it answered out of turn";
    throw new CliError("failure", `the demo's S3 endpoint cannot start: ${why}`);
  }

  /** What was asked since the last call, and which uploads are still open. */
  async takeRequests(): Promise<SandboxAnswers> {
    const answer = nextMessage(this.#child);
    this.#child.send({ kind: "requests" } satisfies SandboxQuestion);
    const message = await answer;
    if (message.kind === "requests") return message;
    throw new CliError("failure", "the demo's S3 endpoint answered out of turn");
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }
}

async function nextMessage(child: ChildProcess): Promise<SandboxMessage> {
  const ended = new AbortController();
  const exited = once(child, "exit", { signal: ended.signal }).then(([code, signal]) => {
    throw new CliError("failure", `the demo's S3 endpoint ended: ${String(signal ?? code)}`);
  });
  try {
    const message = once(child, "message", { signal: ended.signal });
    const [received] = (await Promise.race([message, exited])) as [SandboxMessage];
    return received;
  } finally {
    ended.abort();
    exited.catch(() => {});
  }
}
