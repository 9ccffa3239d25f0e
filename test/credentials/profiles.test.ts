/**
 * Profiles that lead to a role or to a session: STS is a real MinIO where it can judge; the portal of IAM
 * Identity Center, which nobody can run, is a double as strict as its documentation.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { CredentialSurroundings } from "../rigs/credential-surroundings.ts";
import { IdentityProvider } from "../rigs/identity-provider.ts";
import {
  containerAgent,
  type GivenKeys,
  instanceMetadata,
  MetadataService,
} from "../rigs/metadata-service.ts";
import { MinioRoles } from "../rigs/minio-roles.ts";
import { Scratch } from "../rigs/scratch.ts";
import { ServiceGate } from "../rigs/service-gate.ts";

const BUCKET = "profiles";
const ROLE_ARN = "arn:aws:iam::123456789012:role/analyst";

let scratch: Scratch;
let provider: IdentityProvider;
let roles: MinioRoles;
let gate: ServiceGate;
let around: CredentialSurroundings;
let services: MetadataService[];

beforeAll(async () => {
  scratch = new Scratch();
  provider = await IdentityProvider.start();
  roles = await MinioRoles.start(scratch, provider, {
    reader: [{ Effect: "Allow", Action: ["s3:*"], Resource: ["arn:aws:s3:::*"] }],
  });
  gate = await ServiceGate.start(roles.minio.endpoint.url);
  await new BucketView(clientOf(roles.minio.endpoint), BUCKET).create();
});

afterAll(async () => {
  await gate.stop();
  await provider.stop();
  await roles.minio.stop();
  await scratch.close();
});

beforeEach(() => {
  around = new CredentialSurroundings();
  services = [];
  around.set({ AWS_ENDPOINT_URL_STS: gate.url });
});

afterEach(async () => {
  around.close();
  for (const service of services) await service.stop();
});

async function serve(answer: Parameters<typeof MetadataService.start>[0]) {
  const service = await MetadataService.start(answer);
  services.push(service);
  return service;
}

/** Keys that MinIO knows. */
const ownKeys = (): readonly string[] => [
  `aws_access_key_id = ${roles.minio.endpoint.accessKeyId}`,
  `aws_secret_access_key = ${roles.minio.endpoint.secretAccessKey}`,
];

/** Fails unless MinIO takes what the profile leads to. */
async function use(profile: string): Promise<void> {
  const credentials = await around.ask(profile);
  expect(credentials.expiration?.getTime()).toBeGreaterThan(Date.now());
  const bucket = new BucketView(clientOf({ ...roles.minio.endpoint, ...credentials }), BUCKET);
  expect(await bucket.keys()).toEqual([]);
}

describe("a role", () => {
  test("is taken on with the keys of source_profile, and its external_id and session name go along", async () => {
    around.write(
      "config",
      "[profile analyst]",
      `role_arn = ${ROLE_ARN}`,
      "source_profile = base",
      "external_id = contract-7",
      "role_session_name = monday",
      "duration_seconds = 900",
      "[profile base]",
      ...ownKeys(),
    );
    await use("analyst");
    expect(Object.fromEntries(gate.asked.at(-1) ?? [])).toMatchObject({
      Action: "AssumeRole",
      RoleArn: ROLE_ARN,
      ExternalId: "contract-7",
      RoleSessionName: "monday",
      DurationSeconds: "900",
    });
  });

  test("is taken on with keys of the environment, by credential_source", async () => {
    around.write(
      "config",
      "[profile analyst]",
      `role_arn = ${ROLE_ARN}`,
      "credential_source = Environment",
    );
    const { accessKeyId, secretAccessKey } = roles.minio.endpoint;
    around.set({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
    await use("analyst");
    expect(gate.signedBy.at(-1)).toBe(accessKeyId);
  });

  // MinIO lets no session take on a role, so that only the question can be judged.
  test.each([
    ["EcsContainer", "CONTAINERKEY"],
    ["Ec2InstanceMetadata", "INSTANCEKEY"],
  ])("is asked for with the keys of credential_source %s", async (source, accessKeyId) => {
    const keys = (AccessKeyId: string) => (): GivenKeys => ({
      AccessKeyId,
      SecretAccessKey: "very-secret",
      Token: "very-secret-token",
      Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const agent = await serve(containerAgent("/keys", () => undefined, keys("CONTAINERKEY")));
    const instance = await serve(instanceMetadata("role", keys("INSTANCEKEY")));
    around.set({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}/keys`,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
    });
    around.write(
      "config",
      "[profile analyst]",
      `role_arn = ${ROLE_ARN}`,
      `credential_source = ${source}`,
    );
    const message = await around.refusal("analyst");
    expect(message).toMatch(
      /profile: the profile "analyst" gave none: .*(?:invalid|does not exist)/i,
    );
    expect(message).not.toContain("very-secret");
    expect(gate.signedBy.at(-1)).toBe(accessKeyId);
  });

  test("is taken on by the web_identity_token_file of a profile", async () => {
    const token = around.write(
      "token",
      await provider.sign({ audience: "reader", lifeSeconds: 60 }),
    );
    around.write(
      "config",
      "[profile pod]",
      `role_arn = ${roles.arnOf("reader")}`,
      `web_identity_token_file = ${token}`,
      "role_session_name = pod-1",
    );
    await use("pod");
    expect(gate.asked.at(-1)?.get("RoleSessionName")).toBe("pod-1");
  });

  test("that profiles ask each other for in a circle is refused", async () => {
    around.write(
      "config",
      ...["[profile a]", `role_arn = ${ROLE_ARN}`, "source_profile = b"],
      ...["[profile b]", `role_arn = ${ROLE_ARN}`, "source_profile = a"],
    );
    expect(await around.refusal("a")).toMatch(/cycle/);
  });
});

describe("IAM Identity Center", () => {
  const START_URL = "https://example.awsapps.com/start";
  const PORTAL = ["sso_account_id = 123456789012", "sso_role_name = Reader"];

  /** Gives keys to whoever shows `token`. */
  function portal(token: () => string) {
    return serve(({ headers, method, url = "" }) => {
      const { pathname, searchParams } = new URL(url, "http://portal");
      if (method !== "GET" || pathname !== "/federation/credentials") return [404, "{}"];
      if (headers["x-amz-sso_bearer_token"] !== token()) {
        return [401, JSON.stringify({ message: "Session token not found or invalid" })];
      }
      expect(Object.fromEntries(searchParams)).toEqual({
        account_id: "123456789012",
        role_name: "Reader",
      });
      const roleCredentials = {
        accessKeyId: "SSOKEY",
        secretAccessKey: "very-secret",
        sessionToken: "very-secret-token",
        expiration: Date.now() + 3_600_000,
      };
      return [200, JSON.stringify({ roleCredentials })];
    });
  }

  /** What `aws sso login` leaves behind. */
  function login(
    name: string,
    lifeMs: number,
    more: Readonly<Record<string, string>> = {},
  ): string {
    const file = `.aws/sso/cache/${createHash("sha1").update(name).digest("hex")}.json`;
    const expiresAt = new Date(Date.now() + lifeMs).toISOString();
    const content = { accessToken: "first", expiresAt, region: "eu-west-1", startUrl: START_URL };
    return around.write(file, JSON.stringify({ ...content, ...more }));
  }

  test("gives keys for a login without a session", async () => {
    around.set({ AWS_ENDPOINT_URL_SSO: (await portal(() => "first")).url });
    const lines = [`sso_start_url = ${START_URL}`, "sso_region = eu-west-1", ...PORTAL];
    around.write("config", "[default]", ...lines);
    login(START_URL, 3_600_000);
    expect(await around.ask()).toMatchObject({
      accessKeyId: "SSOKEY",
      source: 'the profile "default"',
      expiration: expect.any(Date),
    });
  });

  const SESSION = [
    "[profile sso]",
    "sso_session = company",
    ...PORTAL,
    "[sso-session company]",
    "sso_region = eu-west-1",
    `sso_start_url = ${START_URL}`,
    "sso_registration_scopes = sso:account:access",
  ];

  test("renews the token of a session, and keeps it for other tools", async () => {
    const registered = await serve(({ method, url }) =>
      method === "POST" && url === "/token"
        ? [200, JSON.stringify({ accessToken: "second", expiresIn: 3600, refreshToken: "next" })]
        : [404, "{}"],
    );
    around.set({
      AWS_ENDPOINT_URL_SSO: (await portal(() => "second")).url,
      AWS_ENDPOINT_URL_SSO_OIDC: registered.url,
    });
    around.write("config", ...SESSION);
    const registrationExpiresAt = new Date(Date.now() + 86_400_000).toISOString();
    const cache = login("company", 60_000, {
      clientId: "client",
      clientSecret: "secret",
      refreshToken: "refresh",
      registrationExpiresAt,
    });
    expect((await around.ask("sso")).accessKeyId).toBe("SSOKEY");
    expect(readFileSync(cache, "utf8")).toContain('"second"');
  });

  test("without a login, or with one that has ended, says how to log in", async () => {
    around.write("config", ...SESSION);
    expect(await around.refusal("sso")).toMatch(/SSO session.*aws sso login/);
    const lines = [`sso_start_url = ${START_URL}`, "sso_region = eu-west-1", ...PORTAL];
    around.write("config", "[default]", ...lines);
    login(START_URL, -1_000);
    expect(await around.refusal()).toMatch(/expired.*aws sso login/);
  });
});
