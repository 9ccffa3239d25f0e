/**
 * The embedded S3 endpoint in a process of its own, so that it can be killed, and so that no test that
 * blocks on a mount blocks the server behind it. Its faults and its log are reached by messages.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { freePort } from "../../bench/servers/free-port.ts";
import type { Dials, Fault } from "../../src/sandbox/index.ts";
import { BUCKET_VIEW_AGENT, type Endpoint } from "./bucket-view.ts";
import type { Server } from "./kernel-rig.ts";
import type { ArmedFault, LoggedRequest } from "./rig.ts";

const PROGRAM = fileURLToPath(new URL("./sandbox-child.mjs", import.meta.url));

export interface SandboxRequest {
  /** Any free one when absent, which stays free while the process is away. */
  readonly port?: number;
  /** Where objects are kept over the death of the process; in memory when absent. */
  readonly directory?: string;
  /** None by default. */
  readonly buckets?: readonly string[];
}

/** What the child is told, each answered with one message. */
export type SandboxOrder =
  | { readonly kind: "add-fault"; readonly fault: Fault }
  | { readonly kind: "fault-count"; readonly number: number }
  | { readonly kind: "remove-fault"; readonly number: number }
  | { readonly kind: "turn"; readonly dials: Partial<Dials> }
  | { readonly kind: "requests"; readonly exceptAgent: string }
  | { readonly kind: "clear-requests" }
  | { readonly kind: "store"; readonly bucket: string; readonly objects: readonly StoredKey[] };

export interface StoredKey {
  readonly key: string;
  readonly sizeBytes: number;
}

export class SandboxProcess implements Server {
  readonly endpoint: Endpoint;
  readonly #child: ChildProcess;
  readonly #request: SandboxRequest;
  /** Orders are answered in turn. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess, endpoint: Endpoint, request: SandboxRequest) {
    this.#child = child;
    this.endpoint = endpoint;
    this.#request = request;
  }

  static async start(request: SandboxRequest = {}): Promise<SandboxProcess> {
    const { port = await freePort(), ...rest } = request;
    const child = fork(PROGRAM, [JSON.stringify({ port, ...rest })], {
      serialization: "advanced",
      execArgv: [],
    });
    const [endpoint] = (await Promise.race([
      once(child, "message"),
      once(child, "exit").then(() => {
        throw new Error("the sandbox ended before it listened");
      }),
    ])) as [Endpoint];
    return new SandboxProcess(child, endpoint, request);
  }

  get port(): number {
    return Number(new URL(this.endpoint.url).port);
  }

  async addFault(fault: Fault): Promise<ArmedFault> {
    const number = (await this.#order({ kind: "add-fault", fault })) as number;
    return {
      metCount: async () => (await this.#order({ kind: "fault-count", number })) as number,
      remove: async () => {
        await this.#order({ kind: "remove-fault", number });
      },
    };
  }

  async turn(dials: Partial<Dials>): Promise<void> {
    await this.#order({ kind: "turn", dials });
  }

  /** Those of the mount; not those of a `BucketView`. */
  async requests(): Promise<readonly LoggedRequest[]> {
    return (await this.#order({
      kind: "requests",
      exceptAgent: BUCKET_VIEW_AGENT,
    })) as readonly LoggedRequest[];
  }

  async clearRequests(): Promise<void> {
    await this.#order({ kind: "clear-requests" });
  }

  /** Puts objects of letters into the bucket, without a request. */
  async store(bucket: string, objects: readonly StoredKey[]): Promise<void> {
    await this.#order({ kind: "store", bucket, objects });
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** As a server that crashes: every connection breaks. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Takes connections, as the kernel does for it, and answers nothing until `thaw`. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** The same server again, at the same port, with what its directory holds. */
  async restart(): Promise<SandboxProcess> {
    return SandboxProcess.start({ ...this.#request, port: this.port });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill(signal);
    await exited;
  }

  /** The next one; fails when the process ends instead. */
  async #message(): Promise<readonly unknown[]> {
    const over = new AbortController();
    const ended = once(this.#child, "exit", { signal: over.signal }).then(() => {
      throw new Error("the sandbox has ended");
    });
    try {
      return await Promise.race([once(this.#child, "message", { signal: over.signal }), ended]);
    } finally {
      over.abort();
      ended.catch(() => {});
    }
  }

  async #order(order: SandboxOrder): Promise<unknown> {
    const answer = this.#last.then(async () => {
      const [reply] = await Promise.all([
        this.#message(),
        new Promise<void>((sent, failed) => {
          this.#child.send(order, (error) => (error === null ? sent() : failed(error)));
        }),
      ]);
      return reply[0];
    });
    this.#last = answer.catch(() => {});
    return answer;
  }
}
