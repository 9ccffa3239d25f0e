/**
 * The one real `ObjectClient`: puts the parts of this layer together. Nothing is sent, read or loaded
 * before the first operation.
 */

import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Checksums } from "./body-check.ts";
import type { ChecksumAlgorithm } from "./checksum.ts";
import { Conditions } from "./conditions.ts";
import type { CachedCredentials } from "./credentials.ts";
import { DirectPath } from "./direct-path.ts";
import { type Encryption, encryptionHeaders, UnconfirmedUploads } from "./encryption.ts";
import { S3Error } from "./error.ts";
import { getObject } from "./get-object.ts";
import { headObject, headStored } from "./head-object.ts";
import { listObjects } from "./list-objects.ts";
import type { WireMaker } from "./native-stream.ts";
import type {
  CompleteUploadRequest,
  CreateUploadRequest,
  GetRequest,
  ListPage,
  ListRequest,
  ObjectClient,
  ObjectInfo,
  PutRequest,
  Stored,
  StoredInfo,
  UploadedPart,
  UploadPartRequest,
} from "./object-client.ts";
import type { ProxyEnvironment } from "./proxy.ts";
import { DEFAULT_RETRY_POLICY, Retrier, type RetryPolicy, systemClock } from "./retry.ts";
import { Sdk } from "./sdk.ts";
import { isPlainBucket, type Target, targetAt } from "./target.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "./timeouts.ts";
import { CONNECTIONS_MAX, Transport } from "./transport.ts";
import type { NodeEnvironment } from "./trust.ts";
import {
  abortUpload,
  type CommonHeaders,
  completeUpload,
  createUpload,
  deleteObject,
  putObject,
  type Uploads,
  uploadPart,
} from "./upload.ts";

export interface ObjectClientOptions {
  readonly bucket: string;
  /** Of the bucket, if it is known; an ARN names its own. `findRegion` finds one. */
  readonly region: string;
  /** undefined: the SDK's rules, which know Amazon's own endpoints. */
  readonly endpointUrl: string | undefined;
  readonly forcePathStyle: boolean;
  /** Amazon's endpoints that are reached through its edge locations. */
  readonly transferAcceleration?: boolean;
  /** Amazon's endpoints that have IPv6 addresses too. */
  readonly dualStack?: boolean;
  /** What requests call themselves; "mount-s3-ts" when absent. */
  readonly userAgent?: string;
  /** A profile of the shared configuration files, for what they say of endpoints. */
  readonly profile: string | undefined;
  /** May be shared with other clients. undefined: send everything unsigned. */
  readonly credentials: CachedCredentials | undefined;
  /** Agree to pay for requests and transfer. */
  readonly requesterPays?: boolean;
  /** The account that must own the bucket; S3 refuses all requests otherwise. */
  readonly expectedBucketOwner?: string | undefined;
  /** Of new objects, as S3 spells it; the bucket's when absent. */
  readonly storageClass?: string | undefined;
  /** Of new objects; the bucket's when absent. */
  readonly encryption?: Encryption | undefined;
  readonly timeouts?: Partial<Timeouts>;
  readonly retry?: Partial<RetryPolicy>;
  /** Connections to one origin; 64 when absent. */
  readonly connectionsMax?: number;
  /** The proxy variables of the environment. */
  readonly proxy?: ProxyEnvironment;
  /** PEM certificates to trust in place of Node's own (what AWS_CA_BUNDLE names). */
  readonly caBundle?: string;
  /** NODE_EXTRA_CA_CERTS and NODE_OPTIONS of the environment. */
  readonly nodeEnvironment?: NodeEnvironment;
  /** The addon's sockets, which cost less than Node's; without them, Node's are used. */
  readonly wires?: WireMaker;
  /** The checksums that Node lacks; without them, only CRC-32 is verified. */
  readonly checksums?: Checksums;
  readonly log: Log;
  /** Of requests; nothing is measured without it. */
  readonly metrics?: Metrics | undefined;
}

export function createObjectClient(options: ObjectClientOptions): ObjectClient {
  return new Client(options);
}

class Client implements ObjectClient {
  readonly #transport: Transport;
  readonly #retrier: Retrier;
  readonly #path: DirectPath;
  readonly #uploads: Uploads;
  readonly #encryption: Encryption | undefined;
  readonly #checksums: Checksums | undefined;
  /** Only Amazon's own S3 is asked for restore status. */
  readonly #asksRestoreStatus: boolean;

  constructor(options: ObjectClientOptions) {
    const { bucket, credentials, endpointUrl, forcePathStyle, profile, region } = options;
    const { dualStack = false, transferAcceleration = false, userAgent = "mount-s3-ts" } = options;
    const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#transport = new Transport({
      timeouts,
      connectionsMax: options.connectionsMax ?? CONNECTIONS_MAX,
      proxy: options.proxy ?? {},
      caBundle: options.caBundle,
      wires: options.wires,
      nodeEnvironment: options.nodeEnvironment ?? {},
      log: options.log,
      metrics: options.metrics,
    });
    const policy = { ...DEFAULT_RETRY_POLICY, ...options.retry };
    this.#retrier = new Retrier(policy, systemClock, options.log);
    const transport = this.#transport;
    const retrier = this.#retrier;
    const sdk = new Sdk({
      bucket,
      region,
      endpointUrl,
      forcePathStyle,
      transferAcceleration,
      dualStack,
      userAgent,
      profile,
      credentials,
      transport,
      retrier,
    });
    const target = memoised(
      async (): Promise<Target> =>
        endpointUrl !== undefined && isPlainBucket(bucket) && !dualStack && !transferAcceleration
          ? targetAt(endpointUrl, bucket, region, forcePathStyle)
          : sdk.resolveTarget(),
    );
    const commonHeaders = commonHeadersOf(options);
    this.#path = new DirectPath({ transport, target, credentials, commonHeaders, userAgent });
    const { encryption, log, storageClass } = options;
    this.#encryption = encryption;
    this.#uploads = {
      sdk,
      path: this.#path,
      retrier,
      bucket,
      commonHeaders,
      completeMs: timeouts.completeMs,
      storageHeaders: {
        ...(storageClass && { "x-amz-storage-class": storageClass }),
        ...encryptionHeaders(encryption),
      },
      encryption,
      unconfirmed: new UnconfirmedUploads(encryption),
      conditions: new Conditions((key, signal) => this.#exists(key, signal), log),
      log,
    };
    this.#checksums = options.checksums;
    this.#asksRestoreStatus = endpointUrl === undefined;
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo> {
    return this.#retrier.run(() => headObject(this.#path, key, signal), signal);
  }

  headStored(
    key: string,
    algorithm: ChecksumAlgorithm | undefined,
    signal?: AbortSignal,
  ): Promise<StoredInfo> {
    const question = { key, algorithm, encryption: this.#encryption };
    return this.#retrier.run(() => headStored(this.#path, question, signal), signal);
  }

  get(request: GetRequest, signal?: AbortSignal): Promise<void> {
    const retrier = this.#retrier;
    return getObject({ path: this.#path, retrier, checksums: this.#checksums }, request, signal);
  }

  list(request: ListRequest, signal?: AbortSignal): Promise<ListPage> {
    return this.#retrier.run(
      () => listObjects(this.#path, request, this.#asksRestoreStatus, signal),
      signal,
    );
  }

  put(request: PutRequest, signal?: AbortSignal): Promise<Stored> {
    return putObject(this.#uploads, request, signal);
  }

  createUpload(request: CreateUploadRequest, signal?: AbortSignal): Promise<string> {
    return createUpload(this.#uploads, request, signal);
  }

  uploadPart(request: UploadPartRequest, signal?: AbortSignal): Promise<UploadedPart> {
    return uploadPart(this.#uploads, request, signal);
  }

  completeUpload(request: CompleteUploadRequest, signal?: AbortSignal): Promise<Stored> {
    return completeUpload(this.#uploads, request, signal);
  }

  abortUpload(key: string, uploadId: string, signal?: AbortSignal): Promise<void> {
    return abortUpload(this.#uploads, key, uploadId, signal);
  }

  delete(key: string, signal?: AbortSignal): Promise<void> {
    return deleteObject(this.#uploads, key, signal);
  }

  close(): void {
    this.#transport.close();
  }

  async #exists(key: string, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.head(key, signal);
      return true;
    } catch (error) {
      if (error instanceof S3Error && error.kind === "not-found") return false;
      throw error;
    }
  }
}

function commonHeadersOf(options: ObjectClientOptions): CommonHeaders {
  const { expectedBucketOwner, requesterPays } = options;
  return {
    ...(requesterPays && { "x-amz-request-payer": "requester" }),
    ...(expectedBucketOwner && { "x-amz-expected-bucket-owner": expectedBucketOwner }),
  };
}

/** Asks `find` once; a failure is not kept. */
function memoised<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => {
    found ??= find().catch((error: unknown) => {
      found = undefined;
      throw error;
    });
    return found;
  };
}
