/**
 * A bucket as another client sees it: the AWS SDK with its own HTTP stack, which shares no code with
 * the mount. Keys are relative to a prefix.
 */

import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  CreateBucketCommand,
  CreateSessionCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  RestoreObjectCommand,
  S3Client,
  type StorageClass,
  type Tier,
} from "@aws-sdk/client-s3";
import { HttpRequest } from "@smithy/core/protocols";
import { sorted } from "./bytes.ts";

/** Where a server listens and who may use it. */
export interface Endpoint {
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What requests of a `BucketView` say of themselves, so that a server's log can tell them apart. */
export const BUCKET_VIEW_AGENT = "bucket-view";

/** Before the end of a session another one is asked for. */
const SESSION_LEAD_MS = 1000;

/**
 * Sessions of directory buckets, each asked for when it is needed: the SDK renews its own behind the
 * requests, and what it asks for then may meet a server that has ended.
 */
function sessionsOf(client: () => S3Client) {
  const sessions = new Map<string, Promise<Session>>();
  const ask = async (bucket: string): Promise<Session> => {
    const { Credentials } = await client().send(new CreateSessionCommand({ Bucket: bucket }));
    return {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
      expiration: Credentials?.Expiration ?? new Date(),
    };
  };
  return async (bucket: string): Promise<Session> => {
    const known = await sessions.get(bucket);
    if (known !== undefined && known.expiration.getTime() > Date.now() + SESSION_LEAD_MS)
      return known;
    const session = ask(bucket);
    sessions.set(bucket, session);
    return session;
  };
}

interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

export function clientOf(endpoint: Endpoint): S3Client {
  const { accessKeyId, secretAccessKey, sessionToken } = endpoint;
  const sessionOf = sessionsOf(() => client);
  const client: S3Client = new S3Client({
    endpoint: endpoint.url,
    region: "us-east-1",
    forcePathStyle: true,
    customUserAgent: BUCKET_VIEW_AGENT,
    s3ExpressIdentityProvider: {
      getS3ExpressIdentity: (_, properties) => sessionOf(properties["Bucket"] ?? ""),
    },
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
  });
  // Two SHA-256 of all that tests store would show nothing about the mount.
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (HttpRequest.isInstance(request)) {
        request.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
      }
      return next(args);
    },
    { step: "build" },
  );
  return client;
}

export class BucketView {
  readonly #client: S3Client;
  readonly name: string;
  readonly prefix: string;

  constructor(client: S3Client, name: string, prefix = "") {
    this.#client = client;
    this.name = name;
    this.prefix = prefix;
  }

  /** The same bucket, seen from below `prefix`. */
  below(prefix: string): BucketView {
    return new BucketView(this.#client, this.name, this.prefix + prefix);
  }

  async create(): Promise<void> {
    await this.#client.send(new CreateBucketCommand({ Bucket: this.name }));
  }

  async put(
    key: string,
    body: Uint8Array | string,
    options: {
      readonly storageClass?: StorageClass;
      readonly checksumAlgorithm?: ChecksumAlgorithm;
    } = {},
  ): Promise<void> {
    const { checksumAlgorithm, storageClass } = options;
    await this.#client.send(
      new PutObjectCommand({
        ...this.#object(key),
        Body: typeof body === "string" ? Buffer.from(body) : body,
        ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
        ...(checksumAlgorithm === undefined ? {} : { ChecksumAlgorithm: checksumAlgorithm }),
      }),
    );
  }

  /** Appends to an object that `put` has stored, in a directory bucket. */
  async append(key: string, body: Uint8Array | string): Promise<void> {
    const { ContentLength } = await this.describe(key);
    await this.#client.send(
      new PutObjectCommand({
        ...this.#object(key),
        Body: typeof body === "string" ? Buffer.from(body) : body,
        WriteOffsetBytes: ContentLength,
      }),
    );
  }

  /** Asks for an archived object to be restored; the sandbox has done it at once when "Expedited". */
  async restore(key: string, tier: Tier): Promise<void> {
    const RestoreRequest = { Days: 1, GlacierJobParameters: { Tier: tier } };
    await this.#client.send(new RestoreObjectCommand({ ...this.#object(key), RestoreRequest }));
  }

  /** All of an object; undefined when there is none. */
  async get(key: string): Promise<Buffer | undefined> {
    try {
      const { Body } = await this.#client.send(new GetObjectCommand(this.#object(key)));
      const { buffer, byteOffset, length } =
        (await Body?.transformToByteArray()) ?? Buffer.alloc(0);
      return Buffer.from(buffer, byteOffset, length);
    } catch (error) {
      if (error instanceof Error && error.name === "NoSuchKey") return undefined;
      throw error;
    }
  }

  /** An object's size; undefined when there is none. */
  async sizeOf(key: string): Promise<number | undefined> {
    try {
      const { ContentLength } = await this.#client.send(new HeadObjectCommand(this.#object(key)));
      return ContentLength;
    } catch (error) {
      if (error instanceof Error && error.name === "NotFound") return undefined;
      throw error;
    }
  }

  /** All that HeadObject tells, checksums included. */
  async describe(key: string): Promise<HeadObjectCommandOutput> {
    return await this.#client.send(
      new HeadObjectCommand({ ...this.#object(key), ChecksumMode: "ENABLED" }),
    );
  }

  async delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#object(key)));
  }

  /** Every key below the prefix, without it, sorted: directory buckets list in no order. */
  async keys(): Promise<readonly string[]> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.name,
          Prefix: this.prefix,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      for (const { Key = "" } of page.Contents ?? []) keys.push(Key.slice(this.prefix.length));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return sorted(keys.filter((key) => key !== ""));
  }

  /** Keys of the multipart uploads that are under way below the prefix. */
  async uploads(): Promise<readonly string[]> {
    return (await this.#uploads()).map(({ key }) => key);
  }

  async abortUploads(): Promise<void> {
    for (const { key, uploadId } of await this.#uploads()) {
      await this.#client.send(
        new AbortMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: uploadId }),
      );
    }
  }

  async #uploads(): Promise<readonly { readonly key: string; readonly uploadId: string }[]> {
    const { Uploads = [] } = await this.#client.send(
      new ListMultipartUploadsCommand({ Bucket: this.name }),
    );
    return Uploads.map(({ Key = "", UploadId = "" }) => ({ key: Key, uploadId: UploadId })).filter(
      ({ key }) => key.startsWith(this.prefix),
    );
  }

  #object(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.name, Key: this.prefix + key };
  }
}
