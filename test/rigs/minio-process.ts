/**
 * A real MinIO, of the version that set-up built: an S3 server that none of this project's authors
 * wrote. Its data lies on disk below the test file's scratch directory and goes with it.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../bench/servers/free-port.ts";
import type { Endpoint } from "./bucket-view.ts";
import { Child } from "./child.ts";
import type { Scratch } from "./scratch.ts";

const READY_TIMEOUT_MS = 60_000;

export interface MinioOptions {
  /** With it, buckets may also be named in the host: BUCKET.DOMAIN. */
  readonly domain?: string;
  /** Settings besides those below. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class MinioProcess {
  readonly endpoint: Endpoint;
  readonly #child: Child;

  private constructor(endpoint: Endpoint, child: Child) {
    this.endpoint = endpoint;
    this.#child = child;
  }

  static async start(scratch: Scratch, options: MinioOptions = {}): Promise<MinioProcess> {
    const { domain, environment } = options;
    // Always set: vitest.config.ts knows where set-up builds it.
    const { MINIO_BIN: binary = "" } = process.env;
    if (!existsSync(binary)) {
      throw new Error(
        `no MinIO at "${binary}": run \`npm test\`, which builds it, or set MINIO_BIN`,
      );
    }
    const [port, consolePort] = [await freePort(), await freePort()];
    const endpoint = {
      url: `http://127.0.0.1:${port}`,
      accessKeyId: "minio-test-user",
      secretAccessKey: "minio-test-password",
    };
    const args = [
      "server",
      "--quiet",
      "--address",
      `127.0.0.1:${port}`,
      "--console-address",
      `127.0.0.1:${consolePort}`,
      join(scratch.makeDirectory("minio"), "data"),
    ];
    const child = new Child(binary, args, {
      env: {
        HOME: scratch.directory,
        MINIO_ROOT_USER: endpoint.accessKeyId,
        MINIO_ROOT_PASSWORD: endpoint.secretAccessKey,
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
        // A key to encrypt with, for those who ask for it.
        MINIO_KMS_SECRET_KEY: `tests:${Buffer.alloc(32, "k").toString("base64")}`,
        ...(domain === undefined ? {} : { MINIO_DOMAIN: domain }),
        ...environment,
      },
    });
    await becomesReady(endpoint, child);
    return new MinioProcess(endpoint, child);
  }

  async stop(): Promise<void> {
    this.#child.signal("SIGTERM");
    await this.#child.exitWithin(30_000);
  }
}

/** A server has no other way to say that it listens than to answer: hence the polling. */
async function becomesReady(endpoint: Endpoint, child: Child): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const answer = await fetch(`${endpoint.url}/minio/health/cluster`).catch(() => undefined);
    if (answer?.ok) return;
    if (!child.running) throw new Error(child.describe("ended before it was ready"));
    if (Date.now() > deadline) throw new Error(child.describe("did not become ready"));
    await delay(50);
  }
}
