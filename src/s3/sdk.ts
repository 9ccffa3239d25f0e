/**
 * The SDK's client, loaded when it is first needed: its module takes 130 ms of the event loop, and
 * most mounts never need it. What is rare goes through it, and the rules of where a bucket is.
 */

import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import type { HandlerExecutionContext } from "@smithy/types";
import { messageOf } from "../base/log.ts";
import type { CachedCredentials } from "./credentials.ts";
import { S3Error } from "./error.ts";
import { originOf } from "./origin.ts";
import type { Retrier } from "./retry.ts";
import { errorOf } from "./sdk-error.ts";
import { SdkHandler, type SdkSendOptions } from "./sdk-handler.ts";
import type { Target } from "./target.ts";
import type { Transport } from "./transport.ts";

export interface SdkOptions {
  readonly bucket: string;
  readonly region: string;
  readonly endpointUrl: string | undefined;
  readonly forcePathStyle: boolean;
  readonly transferAcceleration: boolean;
  readonly dualStack: boolean;
  readonly userAgent: string;
  readonly profile: string | undefined;
  /** undefined: requests are not signed. */
  readonly credentials: CachedCredentials | undefined;
  readonly transport: Transport;
  readonly retrier: Retrier;
}

type SdkModule = typeof import("@aws-sdk/client-s3");

export interface LoadedSdk {
  readonly module: SdkModule;
  readonly client: S3Client;
}

export class Sdk {
  readonly #options: SdkOptions;
  #loaded: Promise<LoadedSdk> | undefined;

  constructor(options: SdkOptions) {
    this.#options = options;
  }

  /**
   * Runs one operation; `call` makes it from the loaded SDK and the options that `send` wants. Fails
   * with an S3Error.
   */
  async run<T>(
    options: SdkSendOptions,
    call: (sdk: LoadedSdk, options: SdkSendOptions) => Promise<T>,
  ): Promise<T> {
    try {
      options.signal?.throwIfAborted();
      this.#loaded ??= this.#load();
      return await call(await this.#loaded, options);
    } catch (error) {
      if (options.signal?.aborted === true) {
        throw new S3Error("it was given up", { kind: "aborted", ...options.name });
      }
      throw errorOf(error, options.name);
    }
  }

  /** Where the SDK's endpoint rules say that the bucket is. */
  resolveTarget(): Promise<Target> {
    const name = { operation: "Endpoint" };
    return this.run({ name }, async ({ client, module }) => {
      // Of a directory bucket, too, which most commands would ask for a session first.
      const command = new module.CreateSessionCommand({ Bucket: this.#options.bucket });
      try {
        return await resolveTarget(client, command);
      } catch (error) {
        if (error instanceof S3Error) throw error;
        // Nothing was sent: what fails here is what was asked for.
        throw new S3Error(messageOf(error), { kind: "rejected", ...name, cause: error });
      }
    });
  }

  async #load(): Promise<LoadedSdk> {
    const module = await import("@aws-sdk/client-s3");
    const { credentials, endpointUrl, forcePathStyle, profile, region, retrier } = this.#options;
    const { dualStack, transferAcceleration, transport, userAgent } = this.#options;
    const config: S3ClientConfig = {
      region,
      forcePathStyle,
      maxAttempts: retrier.attemptsMax,
      retryStrategy: retrier.sdkStrategy,
      requestHandler: new SdkHandler(transport, userAgent),
      useArnRegion: true,
      useAccelerateEndpoint: transferAcceleration,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      expectContinueHeader: false,
      cacheMiddleware: true,
      credentials: async () => (await credentials?.get()) ?? NOBODY,
      // Where the flag is not given, the environment or the shared files may still say it.
      ...(dualStack ? { useDualstackEndpoint: true } : {}),
      ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
      ...(profile === undefined ? {} : { profile }),
      ...(credentials === undefined ? { signer: { sign: async (request) => request } } : {}),
    };
    return { module, client: new module.S3Client(config) };
  }
}

/** An unsigned request asks for an identity all the same. */
const NOBODY = { accessKeyId: "anonymous", secretAccessKey: "" };

type ResolvingCommand = InstanceType<SdkModule["CreateSessionCommand"]>;

/** Lets a command go as far as its endpoint, and no further: nothing is signed nor sent. */
async function resolveTarget(client: S3Client, command: ResolvingCommand): Promise<Target> {
  let endpoint: HandlerExecutionContext["endpointV2"];
  command.middlewareStack.add(
    (_, context) => async () => {
      endpoint = context.endpointV2;
      return { response: undefined, output: { $metadata: {}, Credentials: undefined } };
    },
    { step: "build", name: "stopAtEndpoint" },
  );
  await client.send(command);
  // Some endpoints take several; a multi-region one takes SigV4A only.
  const scheme = endpoint?.properties?.authSchemes?.find(({ name }) => name === "sigv4");
  if (endpoint === undefined || scheme === undefined) {
    const message = "it needs signatures of another kind (SigV4A), which are not supported";
    throw new S3Error(message, { kind: "not-implemented", operation: "Endpoint" });
  }
  const { signingName, signingRegion } = scheme;
  return {
    origin: originOf(endpoint.url),
    basePath: endpoint.url.pathname.replace(/\/$/, ""),
    scope: {
      region: signingRegion ?? (await client.config.region()),
      service: signingName ?? "s3",
    },
  };
}
