/**
 * Where credentials come from, in mount-s3's order: `SOURCES` is the list. The first source that is set
 * up gives them. When it cannot, nobody else is asked: a container whose role cannot be had must not go
 * on as the machine under it, nor a role be left for another in the middle of a mount.
 */

import type { AwsCredentialIdentity, Logger } from "@smithy/types";
import type { Log } from "../base/log.ts";
import {
  ANSWER_MS,
  type CredentialsProvider,
  type ExpiringCredentials,
  withinTime,
} from "./credentials.ts";
import { S3Error } from "./error.ts";
import { type Profile, readProfile } from "./profile.ts";
import type { ProxyEnvironment } from "./proxy.ts";
import { type Environment, findRegion } from "./region.ts";
import { SdkHandler } from "./sdk-handler.ts";
import { DEFAULT_TIMEOUTS } from "./timeouts.ts";
import { Transport } from "./transport.ts";

export interface SourceOptions {
  /** The process's own: the SDK's providers read it by themselves. */
  readonly environment: Environment & ProxyEnvironment;
  /** Of the shared files; where it is given, no other source is asked. */
  readonly profile: string | undefined;
  /** In which STS is asked, where neither the environment nor the profile names one. */
  readonly region: string;
  readonly userAgent: string;
  /** PEM certificates to trust in place of Node's own. */
  readonly caBundle?: string | undefined;
  readonly log: Log;
}

/** What all of this is called in messages. */
const OPERATION = "GetCredentials";
const REASON_LENGTH_MAX = 300;
/** The first answer is one that a mount waits for: less than a person is kept waiting for that. */
const FIRST_ANSWER_MS = 20_000;

/** What the sources are asked with. */
interface Inquiry extends SourceOptions {
  readonly readProfile: () => Promise<Profile>;
  /** How the SDK reaches STS and IAM Identity Center: as everything else is reached. */
  readonly services: ServiceSettings;
  readonly limitMs: number;
}

interface Source {
  readonly name: string;
  /** Why it has nothing to give; undefined where it is set up. */
  readonly absence: (inquiry: Inquiry) => string | undefined | Promise<string | undefined>;
  /** Which one it is, for the log. */
  readonly title: (inquiry: Inquiry) => string | Promise<string>;
  readonly ask: (inquiry: Inquiry) => Promise<AwsCredentialIdentity>;
}

const SOURCES: readonly Source[] = [
  {
    name: "environment",
    absence: (inquiry) => unset(inquiry, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    title: () => "the environment",
    ask: async ({ environment }) => environmentKeys(environment),
  },
  {
    // Keys; role_arn with source_profile, any credential_source or web_identity_token_file;
    // credential_process; IAM Identity Center (SSO) with sso_session or without; aws login.
    name: "profile",
    absence: async ({ readProfile }) => (await readProfile()).absence,
    title: async ({ readProfile }) => `the profile "${(await readProfile()).name}"`,
    ask: async ({ readProfile, services }) => {
      const { name, failure } = await readProfile();
      if (failure !== undefined) throw new Error(failure);
      const { fromIni } = await providers();
      return fromIni({ profile: name, ignoreCache: true, ...services })();
    },
  },
  {
    // IRSA of EKS, and GitHub's or any other OpenID provider's tokens: the file is read each time.
    name: "web identity",
    absence: (inquiry) => unset(inquiry, "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    title: ({ environment }) =>
      `the web identity in ${environment["AWS_WEB_IDENTITY_TOKEN_FILE"]}, as ${environment["AWS_ROLE_ARN"]}`,
    ask: async ({ services }) => (await providers()).fromTokenFile(services)(),
  },
  {
    // ECS, and Pod Identity of EKS.
    name: "container",
    absence: ({ environment }) =>
      containerUri(environment) === undefined
        ? "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set"
        : undefined,
    title: ({ environment }) => `the container's address ${containerAddress(environment)}`,
    ask: async ({ log }) => (await providers()).fromHttp({ logger: warningsTo(log) })(),
  },
  {
    name: "instance",
    absence: ({ environment }) =>
      environment["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true"
        ? "AWS_EC2_METADATA_DISABLED is true"
        : undefined,
    title: () => "the EC2 instance",
    ask: async ({ log }) =>
      (await providers()).fromInstanceMetadata({
        ec2MetadataV1Disabled: true,
        logger: warningsTo(log),
      })(),
  },
];

/** The SDK's providers: 25 ms that keys in the environment do not cost. */
const providers = () => import("@aws-sdk/credential-providers");

/** Nothing is kept from one time to the next, so that whatever was rewritten is read anew. */
export function credentialSources(options: SourceOptions): CredentialsProvider {
  const { profile } = options;
  const sources =
    profile === undefined ? SOURCES : SOURCES.filter(({ name }) => name === "profile");
  let limitMs = FIRST_ANSWER_MS;
  return async () => {
    const transport = transportFor(options);
    try {
      const credentials = await askInTurn(sources, {
        ...options,
        readProfile: memoised(() => readProfile(options.environment, profile)),
        services: serviceSettings(options, transport),
        limitMs,
      });
      limitMs = ANSWER_MS;
      return credentials;
    } finally {
      transport.close();
    }
  };
}

function memoised<T>(find: () => T): () => T {
  let found: { readonly value: T } | undefined;
  return () => {
    found ??= { value: find() };
    return found.value;
  };
}

async function askInTurn(
  sources: readonly Source[],
  inquiry: Inquiry,
): Promise<ExpiringCredentials> {
  const tried: string[] = [];
  for (const source of sources) {
    const absence = await source.absence(inquiry);
    if (absence !== undefined) {
      tried.push(`${source.name}: ${absence}`);
      continue;
    }
    try {
      const answer = await withinTime(source.ask(inquiry), inquiry.limitMs);
      const { accessKeyId, expiration, secretAccessKey, sessionToken } = answer;
      return {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken && { sessionToken }),
        ...(expiration && { expiration }),
        source: await source.title(inquiry),
      };
    } catch (error) {
      tried.push(`${source.name}: ${await source.title(inquiry)} gave none: ${reasonOf(error)}`);
      break;
    }
  }
  const message = `no credentials: ${tried.join("; ")}`;
  throw new S3Error(message, { kind: "no-credentials", operation: OPERATION });
}

function environmentKeys(environment: Environment): AwsCredentialIdentity {
  const sessionToken = environment["AWS_SESSION_TOKEN"];
  return {
    accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "",
    ...(sessionToken && { sessionToken }),
  };
}

function unset({ environment }: Inquiry, ...names: readonly string[]): string | undefined {
  const missing = names.filter((name) => !environment[name]);
  if (missing.length === 0) return undefined;
  return `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not set`;
}

/** As the SDK chooses. */
function containerUri(environment: Environment): string | undefined {
  const relative = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  if (relative) return `http://169.254.170.2${relative}`;
  return environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] || undefined;
}

/** Without what may be secret: what stands before its host, and behind its path. */
function containerAddress(environment: Environment): string {
  const uri = containerUri(environment) ?? "";
  if (!URL.canParse(uri)) return "that it was given";
  const { origin, pathname } = new URL(uri);
  return `${origin}${pathname}`;
}

type ServiceSettings = Pick<
  NonNullable<Parameters<Awaited<ReturnType<typeof providers>>["fromTokenFile"]>[0]>,
  "clientConfig" | "parentClientConfig"
>;

function transportFor({ caBundle, environment, log }: SourceOptions): Transport {
  return new Transport({
    timeouts: DEFAULT_TIMEOUTS,
    connectionsMax: 1,
    proxy: environment,
    caBundle,
    wires: undefined,
    nodeEnvironment: environment,
    log,
  });
}

/** As AWS_ENDPOINT_URL_STS and its like say, or the regional endpoint. */
function serviceSettings(options: SourceOptions, transport: Transport): ServiceSettings {
  const { environment, profile, userAgent } = options;
  const region = async (): Promise<string> => {
    const found = await findRegion({ environment, profile, asksInstance: false });
    return found.isAssumed ? options.region : found.region;
  };
  const requestHandler = new SdkHandler(transport, userAgent, OPERATION);
  // Of a profile with a web identity, the SDK hands on the parent's alone.
  return { parentClientConfig: { region, requestHandler }, clientConfig: { requestHandler } };
}

/** For the SDK, which would write to the console; what it says below a warning may hold secrets. */
function warningsTo(log: Log): Logger {
  const warn = (message: unknown): void => log.warn(onOneLine(String(message)));
  return { debug() {}, info() {}, warn, error: warn };
}

/** What the SDK or a service says, fit for a log. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return onOneLine(String(error));
  const { message, name } = error;
  if ("code" in error && error.code === "ERR_INVALID_URL") {
    return "the variable that holds its address, or that of its service (AWS_ENDPOINT_URL_STS and the like), holds no URL";
  }
  if (name === "InstanceMetadataV1FallbackError") return "it gave no session token (IMDSv2)";
  // Node quotes the command of credential_process, which may hold a password.
  const plain = message.replace(/^Command failed: .*/, "credential_process failed:");
  const { httpStatusCode } = ("$metadata" in error ? error.$metadata : {}) as {
    readonly httpStatusCode?: number;
  };
  if (name === "Unknown") return `HTTP ${httpStatusCode}, without a word why`;
  return onOneLine(/Error$/.test(name) ? plain : `${name}: ${plain}`);
}

function onOneLine(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, " ")
    .slice(0, REASON_LENGTH_MAX)
    .trim();
}
