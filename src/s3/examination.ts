/**
 * Tries what a mount does, without changing anything that is there: which of the permissions that
 * mounting takes the credentials have. What has to be made to be tried has a name that nobody else
 * uses, and is taken back.
 */

import { randomUUID } from "node:crypto";
import { callerIdentity, stsEndpoint } from "./caller-identity.ts";
import type { ObjectClientOptions } from "./client.ts";
import { S3Error } from "./error.ts";
import { originKey } from "./origin.ts";
import type { Environment } from "./region.ts";
import { DEFAULT_RETRY_POLICY, Retrier, systemClock } from "./retry.ts";
import { type LoadedSdk, Sdk } from "./sdk.ts";
import type { SdkSendOptions } from "./sdk-handler.ts";
import type { Credentials } from "./signer.ts";
import { DEFAULT_TIMEOUTS } from "./timeouts.ts";
import { Transport } from "./transport.ts";

type PermissionName =
  | "s3:ListBucket"
  | "s3:GetObject"
  | "s3:AbortMultipartUpload"
  | "s3:PutObject"
  | "s3:DeleteObject";

export interface Trial {
  readonly permission: PermissionName;
  /** undefined: it could not be found out. */
  readonly granted: boolean | undefined;
  /** What was tried, or what came of it. */
  readonly detail: string;
  readonly failure?: S3Error;
}

/** A person is waiting. */
const POLICY = { ...DEFAULT_RETRY_POLICY, attemptsMax: 3, totalMs: 15_000 };
/** What no server gives to an upload. */
const NO_UPLOAD = "mount-s3-ts-doctor";
const EMPTY = new Uint8Array();

export class Examination {
  readonly #options: ObjectClientOptions;
  readonly #transport: Transport;
  readonly #sdk: Sdk;
  readonly #place: { readonly Bucket: string; readonly ExpectedBucketOwner?: string };
  readonly #payer: { readonly RequestPayer?: "requester" };

  constructor(options: ObjectClientOptions) {
    const {
      bucket,
      caBundle,
      expectedBucketOwner: owner,
      log,
      proxy = {},
      requesterPays,
    } = options;
    const { dualStack = false, transferAcceleration = false, userAgent = "mount-s3-ts" } = options;
    const timeouts = DEFAULT_TIMEOUTS;
    this.#options = options;
    this.#transport = new Transport({
      timeouts,
      connectionsMax: 1,
      proxy,
      caBundle,
      wires: options.wires,
      nodeEnvironment: options.nodeEnvironment ?? {},
      log,
    });
    this.#sdk = new Sdk({
      ...options,
      dualStack,
      transferAcceleration,
      userAgent,
      transport: this.#transport,
      retrier: new Retrier(POLICY, systemClock, log),
    });
    this.#place = { Bucket: bucket, ...(owner && { ExpectedBucketOwner: owner }) };
    this.#payer = requesterPays ? { RequestPayer: "requester" } : {};
  }

  /** The server that the bucket's requests go to, e.g. "https://bucket.s3.eu-west-1.amazonaws.com". */
  async server(): Promise<string> {
    const { basePath, origin } = await this.#sdk.resolveTarget();
    return `${originKey(origin)}${basePath}`;
  }

  /** The ARN of whom `credentials` belong to. Rejects with an S3Error when STS does not tell. */
  async whose(credentials: Credentials, environment: Environment): Promise<string> {
    const { region } = this.#options;
    return callerIdentity(this.#transport, stsEndpoint(environment, region), region, credentials);
  }

  /** One after the other, the least harmful first. Never fails. */
  async *trials(prefix: string): AsyncGenerator<Trial> {
    let sample: string | undefined;
    const list = await this.#try("s3:ListBucket", "ListObjectsV2", async (sdk, options) => {
      sample = await this.#list(sdk, options, prefix);
      return `the listing of ${prefix === "" ? "the bucket" : JSON.stringify(prefix)}`;
    });
    yield list;
    if (list.failure !== undefined && list.granted !== false) return;
    const key = `${prefix}mount-s3-ts-doctor-${randomUUID()}`;
    yield await this.#tryGet(sample, key, list.granted === true);
    const abort = await this.#tryAbort(key);
    yield abort;
    yield await this.#tryPut(key, abort.granted === true);
    yield await this.#tryDelete(key);
  }

  close(): void {
    this.#transport.close();
  }

  /** The key of an object, if there is one. */
  async #list(
    { client, module }: LoadedSdk,
    options: SdkSendOptions,
    prefix: string,
  ): Promise<string | undefined> {
    const input = { ...this.#place, ...this.#payer, Prefix: prefix, MaxKeys: 1 };
    const { Contents } = await client.send(new module.ListObjectsV2Command(input), options);
    return Contents?.[0]?.Key;
  }

  /** Of an object that is there; else of one that is not, whose absence S3 tells those who may list and read. */
  async #tryGet(sample: string | undefined, absent: string, mayList: boolean): Promise<Trial> {
    const trial = await this.#try("s3:GetObject", "HeadObject", async (sdk, options) => {
      const { client, module } = sdk;
      const input = { ...this.#place, ...this.#payer, Key: sample ?? absent };
      await unlessAbsent(client.send(new module.HeadObjectCommand(input), options));
      return sample === undefined
        ? "that an object does not exist, which S3 tells only those who may read it"
        : `the head of ${JSON.stringify(sample)}`;
    });
    if (trial.granted !== false || mayList) return trial;
    const { permission } = trial;
    return { permission, granted: undefined, detail: "without s3:ListBucket, S3 does not tell" };
  }

  /** Of an upload that nobody has begun. */
  #tryAbort(key: string): Promise<Trial> {
    return this.#try("s3:AbortMultipartUpload", "AbortMultipartUpload", async (sdk, options) => {
      await unlessAbsent(this.#abort(sdk, options, key, NO_UPLOAD));
      return "an upload that does not exist is found not to";
    });
  }

  /** An upload that is begun and given up; where it could not be, a part of one that nobody has begun. */
  #tryPut(key: string, mayAbort: boolean): Promise<Trial> {
    const permission = "s3:PutObject";
    if (!mayAbort) {
      return this.#try(permission, "UploadPart", async ({ client, module }, options) => {
        const part = { ...this.#place, ...this.#payer, Key: key, UploadId: NO_UPLOAD };
        const command = new module.UploadPartCommand({ ...part, PartNumber: 1, Body: EMPTY });
        await unlessAbsent(client.send(command, options));
        return "an upload that does not exist is found not to, when a part of it is sent";
      });
    }
    return this.#try(permission, "CreateMultipartUpload", async (sdk, options) => {
      const { encryption } = this.#options;
      const { client, module } = sdk;
      const input = {
        ...this.#place,
        ...this.#payer,
        Key: key,
        ...(encryption && { ServerSideEncryption: encryption.algorithm }),
        ...(encryption?.kmsKeyId && { SSEKMSKeyId: encryption.kmsKeyId }),
      };
      const command = new module.CreateMultipartUploadCommand(input);
      const { UploadId = "" } = await client.send(command, options);
      await this.#abort(sdk, options, key, UploadId);
      return "an upload was begun, and given up";
    });
  }

  /** Of an object that does not exist; a versioned bucket notes that, and the note is taken back. */
  #tryDelete(key: string): Promise<Trial> {
    return this.#try("s3:DeleteObject", "DeleteObject", async ({ client, module }, options) => {
      const input = { ...this.#place, ...this.#payer, Key: key };
      const remove = (version: object) =>
        client.send(new module.DeleteObjectCommand({ ...input, ...version }), options);
      const { DeleteMarker, VersionId } = await remove({});
      if (DeleteMarker !== true || VersionId === undefined) return "an object that does not exist";
      const isBack = await remove({ VersionId }).then(
        () => true,
        () => false,
      );
      return isBack
        ? "an object that does not exist, and its marker"
        : `the bucket keeps versions, and a delete marker of ${JSON.stringify(key)} is left`;
    });
  }

  async #abort(
    { client, module }: LoadedSdk,
    options: SdkSendOptions,
    key: string,
    uploadId: string,
  ): Promise<void> {
    const input = { ...this.#place, ...this.#payer, Key: key, UploadId: uploadId };
    await client.send(new module.AbortMultipartUploadCommand(input), options);
  }

  async #try(
    permission: PermissionName,
    operation: string,
    attempt: (sdk: LoadedSdk, options: SdkSendOptions) => Promise<string>,
  ): Promise<Trial> {
    const options = { name: { operation } };
    try {
      return {
        permission,
        granted: true,
        detail: await this.#sdk.run(options, (sdk) => attempt(sdk, options)),
      };
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      const granted = error.kind === "access-denied" ? false : undefined;
      return { permission, granted, detail: error.message, failure: error };
    }
  }
}

/** What is not there can be asked for only by those who may ask. */
async function unlessAbsent(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    const { httpStatusCode = 0 } =
      error instanceof Error && "$metadata" in error
        ? (error.$metadata as { readonly httpStatusCode?: number })
        : {};
    if (httpStatusCode !== 404) throw error;
  }
}
