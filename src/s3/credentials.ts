/**
 * Where credentials come from: the caller, or the SDK's default chain, asked once and again before they
 * expire. The chain's module is loaded only when it is needed.
 */

import { type Log, messageOf, silentLog } from "../base/log.ts";
import type { Credentials } from "./signer.ts";

export interface ExpiringCredentials extends Credentials {
  readonly expiration?: Date;
  /** By what ways the SDK came to them: `CREDENTIALS_ENV_VARS` and the like. */
  readonly $source?: Readonly<Record<string, string>>;
}

/** `forceRefresh`: what was given last has been refused, and is not to be given again from a cache. */
export type CredentialsProvider = (options?: {
  readonly forceRefresh?: boolean;
}) => Promise<ExpiringCredentials>;

/** As the AWS SDKs do, credentials are renewed this long before they expire. */
const RENEW_BEFORE_MS = 300_000;

/** Asks `provider` at most once at a time, and again only when its credentials are about to expire. */
export class CachedCredentials {
  readonly #provider: CredentialsProvider;
  readonly #log: Log;
  readonly #now: () => number;
  #current: ExpiringCredentials | undefined;
  #renewal: Promise<ExpiringCredentials> | undefined;
  /** Whether the server has refused the last ones that the provider gave. */
  #refused: boolean = false;

  constructor(provider: CredentialsProvider, now: () => number = Date.now, log: Log = silentLog) {
    this.#provider = provider;
    this.#log = log;
    this.#now = now;
  }

  get(): Promise<ExpiringCredentials> | ExpiringCredentials {
    const current = this.#current;
    if (current !== undefined && this.#remainingMs(current) > RENEW_BEFORE_MS) return current;
    this.#renewal ??= this.#renew(current);
    return this.#renewal;
  }

  /** What the server no longer accepts is not offered again. */
  forget(credentials: Credentials): void {
    if (this.#current !== credentials) return;
    this.#current = undefined;
    this.#refused = true;
  }

  async #renew(current: ExpiringCredentials | undefined): Promise<ExpiringCredentials> {
    try {
      const forceRefresh = this.#refused;
      this.#current = await this.#provider({ forceRefresh });
      this.#refused = false;
      if (this.#log.debugEnabled) this.#log.debug(descriptionOf(this.#current));
      return this.#current;
    } catch (error) {
      // Not renewed is not yet expired.
      const remainingMs = current === undefined ? 0 : this.#remainingMs(current);
      if (current === undefined || remainingMs <= 0) throw error;
      const minutes = Math.floor(remainingMs / 60_000);
      this.#log.warn(
        `the credentials expire in ${minutes} minutes and could not be renewed: ${messageOf(error)}`,
      );
      return current;
    } finally {
      this.#renewal = undefined;
    }
  }

  #remainingMs(credentials: ExpiringCredentials): number {
    const expiration = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    return expiration - this.#now();
  }
}

/** Which key it is and where it comes from; nothing that signs. */
function descriptionOf({ $source = {}, accessKeyId, expiration }: ExpiringCredentials): string {
  const ways = Object.keys($source).map((way) => way.replace(/^CREDENTIALS_/, "").toLowerCase());
  const source = ways.length === 0 ? "" : ` from ${ways.join(", ")}`;
  const end = expiration === undefined ? "with no end" : `until ${expiration.toISOString()}`;
  return `got credentials${source}: the access key that ends in ${accessKeyId.slice(-4)}, ${end}`;
}

/**
 * The keys in the environment's variables, which come first in the chain: taken from there without
 * loading it. Undefined when there are none, and with AWS_PROFILE, which the chain puts before them.
 */
export function environmentCredentials(
  environment: Readonly<Record<string, string | undefined>>,
): CredentialsProvider | undefined {
  const accessKeyId = environment["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = environment["AWS_SECRET_ACCESS_KEY"];
  if (!accessKeyId || !secretAccessKey || environment["AWS_PROFILE"]) return undefined;
  const sessionToken = environment["AWS_SESSION_TOKEN"];
  const credentials = {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken && { sessionToken }),
    // As the SDK says it.
    $source: { CREDENTIALS_ENV_VARS: "g" },
  };
  return async () => credentials;
}

/** The SDK's chain: environment, shared files, SSO, process, web identity, container, instance. */
export function defaultCredentials(profile: string | undefined): CredentialsProvider {
  let chain: Promise<CredentialsProvider> | undefined;
  const load = async (): Promise<CredentialsProvider> => {
    const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
    // The shared files are read anew each time: tools that renew sessions write them.
    return fromNodeProviderChain({
      ...(profile === undefined ? {} : { profile }),
      ignoreCache: true,
    });
  };
  return async (options) => {
    // The chain keeps credentials that name no expiry for ever; a new chain has none.
    if (options?.forceRefresh === true) chain = undefined;
    chain ??= load();
    return (await chain)();
  };
}
