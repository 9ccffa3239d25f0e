/**
 * The S3 endpoint of the demo, in a process of its own: it is told its credentials by the environment,
 * says where it listens, and answers questions about what it was asked. It ends with its parent.
 */

import { addonOrPortable } from "../../native/index.ts";
import { createSandbox } from "../../sandbox/index.ts";

/** One request that was answered, in the clock of the sandbox. */
export interface AnsweredRequest {
  readonly operation: string;
  readonly key: string;
  readonly query: string;
  readonly bytesReceived: number;
  readonly startMs: number;
  readonly endMs: number;
}

export type SandboxMessage =
  | { readonly kind: "listening"; readonly url: string }
  | { readonly kind: "failed"; readonly message: string }
  | {
      readonly kind: "requests";
      readonly requests: readonly AnsweredRequest[];
      /** Keys of multipart uploads that were neither completed nor aborted. */
      readonly unfinished: readonly string[];
    };

/** What the parent sends: tell what was asked since the last time. */
export interface SandboxQuestion {
  readonly kind: "requests";
}

function tell(message: SandboxMessage): void {
  process.send?.(message);
}

async function serve(bucket: string): Promise<void> {
  const sandbox = await createSandbox({
    checksums: addonOrPortable(),
    buckets: [bucket],
    credentials: {
      accessKeyId: process.env["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: process.env["AWS_SECRET_ACCESS_KEY"] ?? "",
    },
  });
  process.on("message", () => {
    const requests = sandbox.requests.flatMap((entry) => {
      const { operation, key, query, bytesReceived, startMs, endMs } = entry;
      return endMs === undefined
        ? []
        : [{ operation, key, query, bytesReceived, startMs, endMs } satisfies AnsweredRequest];
    });
    sandbox.clearRequests();
    const unfinished = sandbox.uploads(bucket).map((upload) => upload.key);
    tell({ kind: "requests", requests, unfinished });
  });
  // The terminal's Ctrl-C reaches this process too; the parent says when to end.
  process.on("SIGINT", () => {});
  process.on("disconnect", () => process.exit(0));
  tell({ kind: "listening", url: sandbox.url });
}

serve(process.env["DEMO_BUCKET"] ?? "").catch((error: unknown) => {
  tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
});
