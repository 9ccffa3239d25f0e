/**
 * In which region requests are signed when nobody says it outright: the environment, the shared
 * configuration files, the metadata of the EC2 instance, and then S3's own default, in this order.
 */

/** Of the process: variables of the AWS tools are read from it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What S3 and the shared configuration files use where nobody says a region. */
const FALLBACK_REGION = "us-east-1";

/** For both requests together: elsewhere than on EC2, nobody answers. */
const METADATA_TIMEOUT_MS = 1000;
const METADATA_ENDPOINT = "http://169.254.169.254";
const METADATA_ENDPOINT_IPV6 = "http://[fd00:ec2::254]";
const TOKEN_TTL_SECONDS = "60";

export interface RegionQuestion {
  readonly environment: Environment;
  /** Of the shared files; undefined for AWS_PROFILE's or the default one. */
  readonly profile: string | undefined;
  /** Whether a region of this machine could be that of the bucket: not behind another endpoint. */
  readonly asksInstance: boolean;
}

export interface FoundRegion {
  readonly region: string;
  /** Nobody named it. */
  readonly isAssumed: boolean;
}

/** Never fails. Asks the network last, and for a second at most. */
export async function findRegion(question: RegionQuestion): Promise<FoundRegion> {
  const { asksInstance, environment, profile } = question;
  const region =
    environment["AWS_REGION"] ||
    environment["AWS_DEFAULT_REGION"] ||
    (await sharedRegion(profile)) ||
    (asksInstance && (await instanceRegion(environment)));
  return region ? { region, isAssumed: false } : { region: FALLBACK_REGION, isAssumed: true };
}

async function sharedRegion(profile: string | undefined): Promise<string> {
  const { loadConfig, NODE_REGION_CONFIG_FILE_OPTIONS, NODE_REGION_CONFIG_OPTIONS } = await import(
    "@smithy/core/config"
  );
  const load = loadConfig(
    // The package's own default asks the instance, for up to two seconds and in all cases.
    { ...NODE_REGION_CONFIG_OPTIONS, environmentVariableSelector: () => undefined, default: "" },
    { ...NODE_REGION_CONFIG_FILE_OPTIONS, ...(profile === undefined ? {} : { profile }) },
  );
  try {
    return await load();
  } catch {
    // Whatever is wrong with the files is told by whoever looks for credentials in them.
    return "";
  }
}

/** The region of this EC2 instance, by IMDSv2; undefined when it is none or does not tell. */
async function instanceRegion(environment: Environment): Promise<string | undefined> {
  if (environment["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true") return undefined;
  const isIpv6 = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"]?.toLowerCase() === "ipv6";
  const endpoint =
    environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ||
    (isIpv6 ? METADATA_ENDPOINT_IPV6 : METADATA_ENDPOINT);
  const signal = AbortSignal.timeout(METADATA_TIMEOUT_MS);
  const ask = async (path: string, method: string, headers: Record<string, string>) => {
    const url = `${endpoint.replace(/\/$/, "")}${path}`;
    const response = await fetch(url, { method, headers, signal, redirect: "error" });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.text();
  };
  try {
    const token = await ask("/latest/api/token", "PUT", {
      "x-aws-ec2-metadata-token-ttl-seconds": TOKEN_TTL_SECONDS,
    });
    const region = await ask("/latest/meta-data/placement/region", "GET", {
      "x-aws-ec2-metadata-token": token,
    });
    return /^[a-z0-9-]{1,64}$/.exec(region.trim())?.[0];
  } catch {
    return undefined;
  }
}
