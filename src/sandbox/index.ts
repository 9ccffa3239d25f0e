/**
 * An embedded S3 endpoint: for the demo, the tests and the benches, and for whoever wants a bucket at
 * hand (`mount-s3-ts sandbox`). It speaks S3 as S3 does, signatures and error documents included; it
 * can be slow, thin or broken on demand; it tells what it was asked.
 *
 * A request goes through exchange.ts: request.ts reads it, router.ts finds the operation, faults.ts may
 * intervene, signature.ts verifies, the operation (…-operations.ts, complete-upload.ts) works on the
 * index of bucket.ts, and answer-sender.ts sends what comes back. The bytes are contents (content.ts),
 * which a storage keeps in memory or in a directory.
 */

export type { Dials } from "./dials.ts";
export { SandboxError } from "./error.ts";
export type { Fault } from "./faults.ts";
export { fillPattern } from "./pattern.ts";
export type { LoggedRequest } from "./request-log.ts";
export { createSandbox, type Sandbox, type SandboxOptions } from "./sandbox.ts";
export type { Credentials } from "./signature.ts";
