/** What a file of tests stands on from its beginning to its end: an embedded server, a bucket there, and room for mounts. */

import { afterAll } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { SandboxProcess } from "../rigs/sandbox-process.ts";
import { Scratch } from "../rigs/scratch.ts";

export interface Ground {
  readonly scratch: Scratch;
  readonly sandbox: SandboxProcess;
  readonly bucket: BucketView;
}

/** For the top of a file. The bucket holds `objects`. */
export async function startGround(
  objects: Readonly<Record<string, string | Buffer>> = {},
  bucketName = "test-bucket",
): Promise<Ground> {
  const scratch = new Scratch();
  const sandbox = await SandboxProcess.start();
  afterAll(async () => {
    await sandbox.stop();
    await scratch.close();
  });
  const bucket = new BucketView(clientOf(sandbox.endpoint), bucketName);
  await bucket.create();
  for (const [key, content] of Object.entries(objects)) await bucket.put(key, content);
  return { scratch, sandbox, bucket };
}
