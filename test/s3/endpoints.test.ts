/**
 * Where requests for every kind of bucket go and for what they are signed: each of ours is compared
 * with the one that the SDK's own client makes.
 */

import { HeadObjectCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import type { HttpRequest } from "@smithy/types";
import { afterEach, describe, expect, test, vi } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { CachedCredentials } from "../../src/s3/credentials.ts";
import { DirectPath } from "../../src/s3/direct-path.ts";
import { headObject } from "../../src/s3/head-object.ts";
import { authorityOf } from "../../src/s3/origin.ts";
import { DEFAULT_RETRY_POLICY, Retrier, systemClock } from "../../src/s3/retry.ts";
import { Sdk } from "../../src/s3/sdk.ts";
import { isPlainBucket, targetAt, usualEndpoint } from "../../src/s3/target.ts";
import { DEFAULT_TIMEOUTS } from "../../src/s3/timeouts.ts";
import { Transport } from "../../src/s3/transport.ts";
import type { TransportRequest, TransportResponse } from "../../src/s3/transport-request.ts";
import { CREDENTIALS } from "./client-under-test.ts";

const REGION = "eu-central-1";
const KEY = "a/b c+ü";

interface Flags {
  readonly region?: string;
  readonly endpointUrl?: string;
  readonly forcePathStyle?: boolean;
  readonly transferAcceleration?: boolean;
  readonly dualStack?: boolean;
}

/** What decides where a request arrives and whether its signature is accepted there. */
interface Addressed {
  readonly authority: string;
  readonly path: string;
  /** Region and service of the signature. */
  readonly scope: string | undefined;
}

class CapturingTransport extends Transport {
  request: TransportRequest | undefined;

  constructor() {
    super({
      timeouts: DEFAULT_TIMEOUTS,
      connectionsMax: 1,
      proxy: {},
      caBundle: undefined,
      wires: undefined,
      nodeEnvironment: {},
      log: silentLog,
    });
  }

  override async send(request: TransportRequest): Promise<TransportResponse> {
    this.request = request;
    const headers = {
      "content-length": "0",
      etag: '"e"',
      "last-modified": new Date().toUTCString(),
    };
    return { status: 200, headers, body: Buffer.alloc(0) };
  }
}

function scopeOf(authorization: string | undefined): string | undefined {
  return /Credential=[^/]+\/\d{8}\/([^,]+)\/aws4_request,/.exec(authorization ?? "")?.[1];
}

async function ours(bucket: string, flags: Flags): Promise<Addressed> {
  const transport = new CapturingTransport();
  const credentials = new CachedCredentials(async () => CREDENTIALS);
  const sdk = new Sdk({
    bucket,
    region: flags.region ?? REGION,
    endpointUrl: flags.endpointUrl,
    forcePathStyle: flags.forcePathStyle ?? false,
    transferAcceleration: flags.transferAcceleration ?? false,
    dualStack: flags.dualStack ?? false,
    userAgent: "test",
    profile: undefined,
    credentials,
    transport,
    retrier: new Retrier(DEFAULT_RETRY_POLICY, systemClock, silentLog),
  });
  const target = () => sdk.resolveTarget();
  await headObject(
    new DirectPath({ transport, target, credentials, commonHeaders: {}, userAgent: "test" }),
    KEY,
  );
  const { request } = transport;
  if (request === undefined) throw new Error("nothing was sent");
  return {
    authority: authorityOf(request.origin),
    path: request.path,
    scope: scopeOf(request.headers["authorization"]),
  };
}

async function theirs(bucket: string, flags: Flags): Promise<Addressed> {
  let captured: HttpRequest | undefined;
  const config: S3ClientConfig = {
    region: flags.region ?? REGION,
    credentials: CREDENTIALS,
    useArnRegion: true,
    forcePathStyle: flags.forcePathStyle ?? false,
    useAccelerateEndpoint: flags.transferAcceleration ?? false,
    useDualstackEndpoint: flags.dualStack ?? false,
    ...(flags.endpointUrl === undefined ? {} : { endpoint: flags.endpointUrl }),
    requestHandler: {
      handle: async (request: HttpRequest) => {
        captured = request;
        return { response: { statusCode: 200, headers: {}, body: undefined } };
      },
    },
  };
  const client = new S3Client(config);
  await client.send(new HeadObjectCommand({ Bucket: bucket, Key: KEY }));
  if (captured === undefined) throw new Error("nothing was sent");
  const { headers, hostname, path, port } = captured;
  return {
    authority: port === undefined ? hostname : `${hostname}:${port}`,
    path,
    scope: scopeOf(headers["authorization"]),
  };
}

const ACCESS_POINT = "arn:aws:s3:us-west-2:123456789012:accesspoint/ap";
const OBJECT_LAMBDA = "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/ol";
const OUTPOST =
  "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01234567890123456/accesspoint/ap";

const CASES: readonly (readonly [bucket: string, flags: Flags, expected: string])[] = [
  ["bucket", {}, `bucket.s3.${REGION}.amazonaws.com/ ${REGION}/s3`],
  ["bucket", { dualStack: true }, `bucket.s3.dualstack.${REGION}.amazonaws.com/ ${REGION}/s3`],
  ["bucket", { transferAcceleration: true }, `bucket.s3-accelerate.amazonaws.com/ ${REGION}/s3`],
  [
    "bucket",
    { dualStack: true, transferAcceleration: true },
    `bucket.s3-accelerate.dualstack.amazonaws.com/ ${REGION}/s3`,
  ],
  ["bucket", { forcePathStyle: true }, `s3.${REGION}.amazonaws.com/bucket/ ${REGION}/s3`],
  ["bucket.with.dots", {}, `s3.${REGION}.amazonaws.com/bucket.with.dots/ ${REGION}/s3`],
  [
    "alias-abcdefghij-s3alias",
    {},
    `alias-abcdefghij-s3alias.s3.${REGION}.amazonaws.com/ ${REGION}/s3`,
  ],
  [ACCESS_POINT, {}, "ap-123456789012.s3-accesspoint.us-west-2.amazonaws.com/ us-west-2/s3"],
  [
    ACCESS_POINT,
    { dualStack: true },
    "ap-123456789012.s3-accesspoint.dualstack.us-west-2.amazonaws.com/ us-west-2/s3",
  ],
  [
    ACCESS_POINT,
    { endpointUrl: "https://vpce.example.com" },
    "ap-123456789012.vpce.example.com/ us-west-2/s3",
  ],
  [
    OBJECT_LAMBDA,
    {},
    "ol-123456789012.s3-object-lambda.us-west-2.amazonaws.com/ us-west-2/s3-object-lambda",
  ],
  [
    OUTPOST,
    {},
    "ap-123456789012.op-01234567890123456.s3-outposts.us-west-2.amazonaws.com/ us-west-2/s3-outposts",
  ],
  [
    "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/ap",
    { region: "cn-northwest-1" },
    "ap-123456789012.s3-accesspoint.cn-north-1.amazonaws.com.cn/ cn-north-1/s3",
  ],
];

describe("a request goes where the SDK's own goes, signed for the same", () => {
  test.each(CASES)("%s %j", async (bucket, flags, expected) => {
    const request = await ours(bucket, flags);
    expect(request).toEqual(await theirs(bucket, flags));
    const { authority, path, scope } = request;
    expect(`${authority}${path} ${scope}`).toBe(expected.replace("/ ", "/a/b%20c%2B%C3%BC "));
  });
});

describe("a directory bucket", () => {
  const bucket = "my--data--use1-az4--x-s3";
  const region = "us-east-1";

  afterEach(() => vi.unstubAllEnvs());

  test.each([
    [{}, "s3express-use1-az4.us-east-1.amazonaws.com"],
    [{ dualStack: true }, "s3express-use1-az4.dualstack.us-east-1.amazonaws.com"],
    [{ endpointUrl: "https://e.com" }, "e.com"],
  ])("is at its zonal endpoint, with %j", async (flags, domain) => {
    const { authority, scope } = await ours(bucket, { region, ...flags });
    expect([authority, scope]).toEqual([`${bucket}.${domain}`, "us-east-1/s3express"]);
  });

  test("is at the same endpoint where sessions are not wanted", async () => {
    vi.stubEnv("AWS_S3_DISABLE_EXPRESS_SESSION_AUTH", "true");
    const { authority, scope } = await ours(bucket, { region });
    expect([authority, scope]).toEqual([
      `${bucket}.s3express-use1-az4.us-east-1.amazonaws.com`,
      "us-east-1/s3express",
    ]);
  });
});

describe("what does not go together", () => {
  test.each([
    ["bucket", { endpointUrl: "https://e.com", dualStack: true }, /dual-stack.*custom endpoint/i],
    ["bucket", { endpointUrl: "https://e.com", transferAcceleration: true }, /custom endpoint/],
    ["bucket.with.dots", { transferAcceleration: true }, /Accelerate/],
    [ACCESS_POINT, { forcePathStyle: true }, /Path-style/],
    [OUTPOST, { dualStack: true }, /dual-stack/i],
  ] as const)("is refused before anything is sent: %s %j", async (bucket, flags, reason) => {
    await expect(ours(bucket, flags)).rejects.toMatchObject({
      kind: "rejected",
      operation: "Endpoint",
      message: expect.stringMatching(reason),
    });
  });

  test("a multi-region access point is refused, with the reason", async () => {
    await expect(ours("arn:aws:s3::123456789012:accesspoint/abc.mrap", {})).rejects.toMatchObject({
      kind: "not-implemented",
      message: expect.stringContaining("SigV4A"),
    });
  });
});

describe("dual-stack", () => {
  afterEach(() => vi.unstubAllEnvs());

  test("may also be said by the environment, as to the SDK", async () => {
    vi.stubEnv("AWS_USE_DUALSTACK_ENDPOINT", "true");
    expect((await ours("bucket", {})).authority).toBe(
      `bucket.s3.dualstack.${REGION}.amazonaws.com`,
    );
  });
});

const REGIONS = {
  usual: [
    "af-south-1",
    "ap-southeast-5",
    "ca-west-1",
    "eu-central-2",
    "il-central-1",
    "me-south-1",
  ],
  more: ["mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1"],
  unusual: ["us-gov-west-1", "cn-north-1", "us-iso-east-1", "aws-global", "eusc-de-east-1", "eu"],
};
const BUCKETS = ["bucket", "a-b-c", "with.dots", "123", "Upper_Case", "name-of-s3alias"];

describe("the usual endpoint of Amazon S3", () => {
  test.each([...REGIONS.usual, ...REGIONS.more])("in %s is that of the SDK", async (region) => {
    for (const bucket of BUCKETS) {
      for (const forcePathStyle of [false, true]) {
        const endpoint = usualEndpoint(bucket, region) ?? "";
        expect(isPlainBucket(bucket)).toBe(true);
        const { basePath, origin, scope } = targetAt(endpoint, bucket, region, forcePathStyle);
        const expected = await theirs(bucket, { region, forcePathStyle });
        const path = `${basePath}/a/b%20c%2B%C3%BC`;
        const signed = `${scope.region}/${scope.service}`;
        expect({ authority: authorityOf(origin), path, scope: signed }).toEqual({
          ...expected,
          path: expected.path.split("?")[0],
        });
      }
    }
  });

  test.each(REGIONS.unusual)("in %s is left to the SDK", (region) => {
    expect(usualEndpoint("bucket", region)).toBeUndefined();
  });

  test.each(["name--use1-az4--x-s3", "alias--ol-s3", "two--hyphens"])("of %s, too", (bucket) => {
    expect(usualEndpoint(bucket, REGION)).toBeUndefined();
  });
});
