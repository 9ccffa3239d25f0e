/**
 * What a server of objects is to the harness: where it is, what a mount must know to use it, and how
 * objects get there and away. Each may be reached through a proxy that is as slow as a distant S3.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { DataSet } from "../jobs/job.ts";
import { adopt, stop } from "../processes.ts";
import { freePort } from "./free-port.ts";

export interface Server {
  readonly name: string;
  /** What it is, with its version, for the report. */
  readonly description: string;
  /** Undefined for Amazon S3 itself. */
  readonly url: string | undefined;
  readonly bucket: string;
  /** Everything of the benchmark is below it; empty, or ending with a slash. */
  readonly prefix: string;
  readonly region: string;
  readonly anonymous: boolean;
  readonly caBundle: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Stores the objects of a set. `signal` ends it early. */
  load(set: DataSet, signal: AbortSignal): Promise<void>;
  /** Removes every object of which the key begins with `prefix`, below that of the server. */
  remove(prefix: string): Promise<void>;
  close(): Promise<void>;
}

/** How the way to a server is. */
export interface Link {
  /** Before each request arrives. */
  readonly delayMs: number;
  /** Of each connection, towards the client; undefined for as fast as it goes. */
  readonly mibPerSecond: number | undefined;
}

/** Servers of ours ask for these, and contenders sign with them. */
export const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: "benchmark",
  AWS_SECRET_ACCESS_KEY: "benchmark-secret",
  AWS_EC2_METADATA_DISABLED: "true",
} as const;

export const LOCAL_REGION = "us-east-1";

const PROXY_PROGRAM = fileURLToPath(new URL("../delay-proxy.js", import.meta.url));

/** A way to `url` as slow as `link` says; `url` itself where it says nothing. */
export async function linked(
  url: string | undefined,
  link: Link,
): Promise<{ readonly url: string | undefined; close(): Promise<void> }> {
  const { delayMs, mibPerSecond } = link;
  if (delayMs === 0 && mibPerSecond === undefined) return { url, close: () => Promise.resolve() };
  if (url === undefined) {
    throw new Error("Amazon S3 itself cannot be made slower: leave --delay and --bandwidth out");
  }
  const port = await freePort();
  const { hostname, port: targetPort, protocol } = new URL(url);
  const child = adopt(
    spawn(
      process.execPath,
      [PROXY_PROGRAM, port, hostname, targetPort, delayMs, mibPerSecond ?? 0].map(String),
      { stdio: ["ignore", "pipe", "inherit"], detached: true },
    ),
  );
  await once(child.stdout, "data");
  return { url: `${protocol}//127.0.0.1:${port}`, close: () => stop(child) };
}
