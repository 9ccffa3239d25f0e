/** The demo's own view of the bucket, past the mount: loads data and looks at what really is there. */

import { createHash } from "node:crypto";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";

export interface BucketViewOptions {
  readonly url: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface ObjectDigest {
  readonly sizeBytes: number;
  readonly sha256: string;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export class BucketView {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(options: BucketViewOptions) {
    const { url, bucket, accessKeyId, secretAccessKey } = options;
    this.#bucket = bucket;
    this.#client = new S3Client({
      endpoint: url,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
  }

  /** Uploads with the SDK's own uploader, in parts where it is large. */
  async load(key: string, bytes: Uint8Array, onLoaded: (byteCount: number) => void): Promise<void> {
    const upload = new Upload({
      client: this.#client,
      params: { Bucket: this.#bucket, Key: key, Body: bytes },
      partSize: 8 * 1024 * 1024,
    });
    upload.on("httpUploadProgress", ({ loaded }) => onLoaded(loaded ?? 0));
    await upload.done();
  }

  /** What is stored under `key`, or undefined where there is nothing. */
  async digest(key: string): Promise<ObjectDigest | undefined> {
    try {
      const { Body } = await this.#client.send(
        new GetObjectCommand({ Bucket: this.#bucket, Key: key }),
      );
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      return { sizeBytes: bytes.byteLength, sha256: sha256(bytes) };
    } catch (error) {
      if (error instanceof Error && error.name === "NoSuchKey") return undefined;
      throw error;
    }
  }

  close(): void {
    this.#client.destroy();
  }
}
