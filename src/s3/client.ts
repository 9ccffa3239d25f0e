/**
 * The one real `ObjectClient`: puts the parts of this layer together. Nothing is sent, read or loaded
 * before the first operation.
 */

import type { CancelSignal } from "../base/cancellation.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { appendObject } from "./append-object.ts";
import type { Checksums } from "./body-check.ts";
import type { ChecksumAlgorithm } from "./checksum.ts";
import { Conditions } from "./conditions.ts";
import { CachedCredentials } from "./credentials.ts";
import { DirectPath, type DirectPathOptions } from "./direct-path.ts";
import {
  type DirectoryBucketOptions,
  renameObject,
  SESSION_TOKEN_HEADER,
  SIGNING_SERVICE,
  sessionsOf,
} from "./directory-bucket.ts";
import { type Encryption, encryptionHeaders, UnconfirmedUploads } from "./encryption.ts";
import { S3Error } from "./error.ts";
import { type GetDependencies, getObject } from "./get-object.ts";
import { headObject, headStored } from "./head-object.ts";
import { listObjects } from "./list-objects.ts";
import type { WireMaker } from "./native-stream.ts";
import type {
  AppendRequest,
  CompleteUploadRequest,
  CreateUploadRequest,
  GetRequest,
  ListPage,
  ListRequest,
  ObjectClient,
  ObjectInfo,
  PutRequest,
  RenameRequest,
  Stored,
  StoredInfo,
  UploadedPart,
  UploadPartRequest,
} from "./object-client.ts";
import type { ProxyEnvironment } from "./proxy.ts";
import { DEFAULT_RETRY_POLICY, Retrier, type RetryPolicy, systemClock } from "./retry.ts";
import { Sdk } from "./sdk.ts";
import { isPlainBucket, type Target, targetAt, usualEndpoint } from "./target.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "./timeouts.ts";
import { CONNECTIONS_MAX, Transport } from "./transport.ts";
import type { NodeEnvironment } from "./trust.ts";
import {
  abortUpload,
  completeUpload,
  createUpload,
  deleteObject,
  putObject,
  type Uploads,
  uploadPart,
} from "./upload.ts";

export interface ObjectClientOptions {
  readonly bucket: string;
  /** Present where `bucket` is one of S3 Express One Zone. */
  readonly directoryBucket?: DirectoryBucketOptions | undefined;
  /** Of the bucket, if it is known; an ARN names its own. `findRegion` finds one. */
  readonly region: string;
  /** undefined: the SDK's rules, which know Amazon's own endpoints. */
  readonly endpointUrl: string | undefined;
  readonly forcePathStyle: boolean;
  /** Whether nothing in the environment and the shared files says otherwise of Amazon's endpoints. */
  readonly usualEndpoints?: boolean;
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
  readonly #reading: GetDependencies;
  /** Only Amazon's own S3 is asked for restore status, and not where nothing can be archived. */
  readonly #asksRestoreStatus: boolean;

  constructor(options: ObjectClientOptions) {
    const { bucket, credentials, directoryBucket, endpointUrl, forcePathStyle, profile, region } =
      options;
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
    const target = memoised(async (): Promise<Target> => {
      const isKnown = isPlainBucket(bucket) && !dualStack && !transferAcceleration;
      const known =
        endpointUrl ?? (options.usualEndpoints ? usualEndpoint(bucket, region) : undefined);
      const found =
        known !== undefined && isKnown
          ? targetAt(known, bucket, region, forcePathStyle)
          : await sdk.resolveTarget();
      if (directoryBucket === undefined) return found;
      return { ...found, scope: { ...found.scope, service: SIGNING_SERVICE } };
    });
    const commonHeaders = commonHeadersOf(options);
    const ordinary = { transport, target, credentials, commonHeaders, userAgent };
    const hasSessions =
      credentials !== undefined && directoryBucket && directoryBucket.withoutSessions !== true;
    this.#path = hasSessions
      ? sessionPath(ordinary, this.#retrier, { ...options, readOnly: directoryBucket.readOnly })
      : new DirectPath(ordinary);
    const { encryption, log, storageClass } = options;
    this.#encryption = encryption;
    this.#uploads = {
      path: this.#path,
      retrier,
      completeMs: timeouts.completeMs,
      storageHeaders: {
        ...(storageClass && { "x-amz-storage-class": storageClass }),
        // What is stored in a session is encrypted as the session says.
        ...(hasSessions ? {} : encryptionHeaders(encryption)),
      },
      encryption,
      unconfirmed: new UnconfirmedUploads(encryption),
      conditions: new Conditions((key, signal) => this.#exists(key, signal), log),
      log,
    };
    this.#reading = { path: this.#path, retrier, checksums: options.checksums };
    this.#asksRestoreStatus = endpointUrl === undefined && directoryBucket === undefined;
  }

  head(key: string, signal?: CancelSignal): Promise<ObjectInfo> {
    return this.#retrier.run(() => headObject(this.#path, key, signal), signal);
  }

  headStored(
    key: string,
    algorithm: ChecksumAlgorithm | undefined,
    signal?: CancelSignal,
  ): Promise<StoredInfo> {
    const question = { key, algorithm, encryption: this.#encryption };
    return this.#retrier.run(() => headStored(this.#path, question, signal), signal);
  }

  get(request: GetRequest, signal?: CancelSignal): Promise<void> {
    return getObject(this.#reading, request, signal);
  }

  list(request: ListRequest, signal?: CancelSignal): Promise<ListPage> {
    return this.#retrier.run(
      () => listObjects(this.#path, request, this.#asksRestoreStatus, signal),
      signal,
    );
  }

  put(request: PutRequest, signal?: CancelSignal): Promise<Stored> {
    return putObject(this.#uploads, request, signal);
  }

  createUpload(request: CreateUploadRequest, signal?: CancelSignal): Promise<string> {
    return createUpload(this.#uploads, request, signal);
  }

  uploadPart(request: UploadPartRequest, signal?: CancelSignal): Promise<UploadedPart> {
    return uploadPart(this.#uploads, request, signal);
  }

  completeUpload(request: CompleteUploadRequest, signal?: CancelSignal): Promise<Stored> {
    return completeUpload(this.#uploads, request, signal);
  }

  abortUpload(key: string, uploadId: string, signal?: CancelSignal): Promise<void> {
    return abortUpload(this.#uploads, key, uploadId, signal);
  }

  delete(key: string, signal?: CancelSignal): Promise<void> {
    return deleteObject(this.#uploads, key, signal);
  }

  append(request: AppendRequest, signal?: CancelSignal): Promise<Stored> {
    return appendObject(this.#uploads, this.#reading, request, signal);
  }

  rename(request: RenameRequest, signal?: CancelSignal): Promise<void> {
    return renameObject(this.#path, this.#retrier, request, signal);
  }

  close(): void {
    this.#transport.close();
  }

  async #exists(key: string, signal?: CancelSignal): Promise<boolean> {
    try {
      await this.head(key, signal);
      return true;
    } catch (error) {
      if (error instanceof S3Error && error.kind === "not-found") return false;
      throw error;
    }
  }
}

/** The way of requests that a session signs. What makes the sessions is signed as `ordinary` requests are. */
function sessionPath(
  ordinary: DirectPathOptions,
  retrier: Retrier,
  options: Pick<ObjectClientOptions, "encryption" | "log"> & { readonly readOnly: boolean },
): DirectPath {
  const { log, readOnly } = options;
  const encryption = encryptionHeaders(options.encryption);
  const sessions = sessionsOf(new DirectPath(ordinary), retrier, { readOnly, encryption });
  const credentials = new CachedCredentials(sessions, log);
  return new DirectPath({ ...ordinary, credentials, tokenHeader: SESSION_TOKEN_HEADER });
}

function commonHeadersOf(options: ObjectClientOptions): Record<string, string> {
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
