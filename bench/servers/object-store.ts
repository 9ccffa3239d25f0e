/** Objects of the benchmark in any S3: put there and removed with the SDK, beside all mounts. */

import { randomFillSync } from "node:crypto";
import { Readable } from "node:stream";
import {
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import pLimit from "p-limit";
import type { DataSet } from "../jobs/job.ts";

const MIB = 2 ** 20;
const AT_ONCE = 16;
const PART_BYTES = 16 * MIB;

export interface StoreAddress {
  readonly url: string | undefined;
  readonly bucket: string;
  readonly prefix: string;
  readonly region: string;
  /** Of servers of ours; otherwise the SDK finds some where it always does. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export class ObjectStore {
  readonly #client: S3Client;
  readonly #address: StoreAddress;

  constructor(address: StoreAddress) {
    const { credentials, region, url } = address;
    this.#address = address;
    this.#client = new S3Client({
      region,
      ...(url !== undefined && { endpoint: url, forcePathStyle: true }),
      ...(credentials !== undefined && { credentials }),
    });
  }

  async load(set: DataSet, signal: AbortSignal): Promise<void> {
    const limit = pLimit(set.bytes > PART_BYTES ? 2 : AT_ONCE);
    const small = set.bytes > PART_BYTES ? undefined : randomFillSync(Buffer.alloc(set.bytes));
    const indices = Array.from({ length: set.count }, (_, index) => index);
    await limit.map(indices, async (index) => {
      signal.throwIfAborted();
      const target = { Bucket: this.#address.bucket, Key: this.#address.prefix + set.key(index) };
      if (small !== undefined) {
        await this.#client.send(new PutObjectCommand({ ...target, Body: small }));
        return;
      }
      const body = Readable.from(chunksOf(set.bytes));
      const params = { ...target, Body: body };
      await new Upload({ client: this.#client, params, partSize: PART_BYTES }).done();
    });
  }

  async remove(prefix: string): Promise<void> {
    const { bucket, prefix: base } = this.#address;
    const begin = base + prefix;
    // Directory buckets list by directories only.
    const listed = isDirectoryBucket(bucket) ? begin.replace(/[^/]*$/, "") : begin;
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: listed, ContinuationToken: token }),
      );
      token = page.NextContinuationToken;
      const objects = (page.Contents ?? []).flatMap(({ Key }) =>
        Key?.startsWith(begin) ? [{ Key }] : [],
      );
      if (objects.length === 0) continue;
      const removal = { Objects: objects, Quiet: true };
      const { Errors: [failed] = [] } = await this.#client.send(
        new DeleteObjectsCommand({ Bucket: bucket, Delete: removal }),
      );
      if (failed !== undefined) {
        throw new Error(`cannot remove s3://${bucket}/${failed.Key}: ${failed.Message}`);
      }
    } while (token !== undefined);
  }

  close(): void {
    this.#client.destroy();
  }
}

function isDirectoryBucket(name: string): boolean {
  return name.endsWith("--x-s3");
}

/** `bytes` bytes, a MiB at a time, no two of which are the same. */
export function* chunksOf(bytes: number): Generator<Buffer> {
  const random = randomFillSync(Buffer.alloc(MIB));
  for (let at = 0; at < bytes; at += MIB) {
    const chunk = Buffer.from(random.subarray(0, Math.min(MIB, bytes - at)));
    if (chunk.length >= 4) chunk.writeUInt32LE(at / MIB, 0);
    yield chunk;
  }
}
