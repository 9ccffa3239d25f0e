/** The servers by name: each is started when the first job needs it, and stopped at the end. */

import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import type { ServerName } from "../jobs/job.ts";
import { startDiscard, startMinio, startSandbox } from "./local-stores.ts";
import { startNginx } from "./nginx.ts";
import { ObjectStore } from "./object-store.ts";
import type { Server } from "./server.ts";

export const SERVER_NAMES = [
  "nginx",
  "nginx-tls",
  "minio",
  "discard",
  "sandbox",
  "sandbox-discard",
  "sandbox-express",
  "given",
] as const;

const BUCKET = "bench-bucket";
/** Its name makes it a directory bucket. */
const DIRECTORY_BUCKET = "bench--use1-az4--x-s3";

/** A bucket that exists somewhere, on Amazon S3 where there is no URL. */
export interface GivenBucket {
  readonly bucket: string;
  readonly url: string | undefined;
  readonly region: string;
}

export interface ServerPlan {
  /** The main program of mount-s3-ts, whose sandbox may be used. */
  readonly program: string;
  readonly given: GivenBucket | undefined;
}

export class Servers {
  readonly #plan: ServerPlan;
  readonly #started = new Map<ServerName, Server>();

  constructor(plan: ServerPlan) {
    this.#plan = plan;
  }

  async get(name: ServerName): Promise<Server> {
    const known = this.#started.get(name);
    if (known !== undefined) return known;
    await this.#start(name);
    return this.get(name);
  }

  /** Stops all, and leaves nothing behind. */
  async close(): Promise<void> {
    for (const server of this.#started.values()) await server.close();
    this.#started.clear();
  }

  async #start(name: ServerName): Promise<void> {
    switch (name) {
      case "nginx":
      case "nginx-tls": {
        const { plain, tls } = await startNginx(BUCKET);
        this.#started.set("nginx-tls", tls).set("nginx", plain);
        return;
      }
      case "minio":
        this.#started.set(name, await startMinio(minioProgram(), BUCKET));
        return;
      case "discard":
        this.#started.set(name, await startDiscard(BUCKET));
        return;
      case "sandbox":
      case "sandbox-discard":
        this.#started.set(name, await startSandbox(this.#plan.program, name, BUCKET));
        return;
      case "sandbox-express":
        this.#started.set(name, await startSandbox(this.#plan.program, name, DIRECTORY_BUCKET));
        return;
      case "given":
        this.#started.set(name, givenServer(this.#plan.given));
        return;
    }
  }
}

function minioProgram(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return process.env["MINIO_BIN"] ?? join(cache, "mount-s3-ts", "minio");
}

/** Works below a prefix of its own, which is empty again at the end. */
function givenServer(given: GivenBucket | undefined): Server {
  if (given === undefined) throw new Error("no bucket was given: name one with --bucket");
  const prefix = `mount-s3-ts-bench-${randomBytes(4).toString("hex")}/`;
  const store = new ObjectStore({ ...given, prefix });
  return {
    ...given,
    name: "given",
    description: `s3://${given.bucket} of ${given.url ?? "Amazon S3"}, ${given.region}`,
    prefix,
    anonymous: false,
    caBundle: undefined,
    environment: {},
    load: (set, signal) => store.load(set, signal),
    remove: (below) => store.remove(below),
    close: async () => {
      await store.remove("");
      store.close();
    },
  };
}
