/** `mount-s3-ts doctor` against a real server with roles: what it finds, what it leaves, how it ends. */

import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { ListObjectVersionsCommand, PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { type Finished, run } from "../rigs/child.ts";
import { IdentityProvider } from "../rigs/identity-provider.ts";
import { MinioRoles, type Statement } from "../rigs/minio-roles.ts";
import { environmentFor } from "../rigs/mount-process.ts";
import { commandLine } from "../rigs/paths.ts";
import { isRoot } from "../rigs/root.ts";
import { Scratch } from "../rigs/scratch.ts";

const BUCKET = "clinic";
const OBJECTS = ["arn:aws:s3:::clinic/*"];
const allow = (action: string, resource = OBJECTS): Statement => ({
  Effect: "Allow",
  Action: [action],
  Resource: resource,
});
const LIST = allow("s3:ListBucket", ["arn:aws:s3:::clinic"]);

const POLICIES = {
  all: [allow("s3:*", ["arn:aws:s3:::*"])],
  reader: [LIST, allow("s3:GetObject")],
  lister: [LIST],
  stranger: [allow("s3:GetObject", ["arn:aws:s3:::elsewhere/*"])],
  forgetful: [LIST, allow("s3:GetObject"), allow("s3:PutObject")],
} as const;

interface Finding {
  readonly check: string;
  readonly verdict: string;
  readonly detail: string;
  readonly remedy?: string;
}

let scratch: Scratch;
let provider: IdentityProvider;
let roles: MinioRoles;
let bucket: BucketView;

beforeAll(async () => {
  scratch = new Scratch();
  provider = await IdentityProvider.start();
  roles = await MinioRoles.start(scratch, provider, POLICIES);
  bucket = new BucketView(clientOf(roles.minio.endpoint), BUCKET);
  await bucket.create();
  await bucket.put("object", "content");
});

afterAll(async () => {
  await provider.stop();
  await roles.minio.stop();
  await scratch.close();
});

/** Runs the doctor with no keys but what `env` leads to. */
function doctor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { endpoint } = roles.minio;
  const flags = [`--endpoint-url=${endpoint.url}`, "--force-path-style", "--region=us-east-1"];
  const noKeys = { ...endpoint, accessKeyId: "", secretAccessKey: "" };
  return run(process.execPath, [commandLine, "doctor", ...args, ...flags], {
    env: { ...environmentFor(noKeys), HOME: scratch.directory, ...env },
  });
}

async function asRole(role: keyof typeof POLICIES, ...args: string[]): Promise<Finished> {
  const path = join(scratch.makeDirectory("token"), "token");
  writeFileSync(path, await provider.sign({ audience: role, lifeSeconds: 600 }), { mode: 0o600 });
  return doctor([BUCKET, ...args], {
    AWS_ROLE_ARN: roles.arnOf(role),
    AWS_WEB_IDENTITY_TOKEN_FILE: path,
    AWS_ENDPOINT_URL_STS: roles.minio.endpoint.url,
  });
}

function findingsOf({ stdout }: Finished): ReadonlyMap<string, Finding> {
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
  return new Map(findings.map((finding) => [finding.check, finding]));
}

/** By permission. */
function verdictsOf(finished: Finished): Readonly<Record<string, string>> {
  const findings = [...findingsOf(finished)].filter(([check]) => check.startsWith("s3:"));
  return Object.fromEntries(
    findings.map(([check, { verdict }]) => [check.replace("s3:", ""), verdict]),
  );
}

test("who may do everything would mount, and nothing is left of what was tried", async () => {
  const finished = await asRole("all", scratch.makeDirectory("mount"), "--allow-delete");
  // Only root may raise the read-ahead.
  expect(finished.stdout).toMatch(
    isRoot ? /^a mount would work$/m : /^a mount would work, but see the warnings$/m,
  );
  expect(finished.stdout).not.toMatch(/^(?:FAIL|warning(?! +read-ahead:))/m);
  // MinIO's token service does not know the question.
  expect(finished.stdout.match(/^\?.*/gm)).toEqual([expect.stringContaining("identity: ")]);
  expect(finished.code).toBe(0);
  const arn = roles.arnOf("all");
  expect(finished.stdout).toMatch(
    new RegExp(
      `credentials: the access key that ends in \\w{4}, until 20.*, from the web identity .* as ${arn}`,
    ),
  );
  for (const check of ["kernel", "addon", "/dev/fuse", "permission", "open files", "read-ahead"]) {
    const verdict = check === "read-ahead" && !isRoot ? "warning" : "ok";
    expect(finished.stdout).toMatch(new RegExp(`^${verdict} +${check}: `, "m"));
  }
  expect(await bucket.keys()).toEqual(["object"]);
  expect(await bucket.uploads()).toEqual([]);
});

test("what is missing is named, with what it is needed for and what to do", async () => {
  const reader = await asRole("reader", "--allow-delete", "--json");
  expect(verdictsOf(reader)).toEqual({
    ListBucket: "good",
    GetObject: "good",
    AbortMultipartUpload: "warning",
    PutObject: "warning",
    DeleteObject: "warning",
  });
  expect(reader.code).toBe(0);
  expect(findingsOf(reader).get("s3:DeleteObject")).toMatchObject({
    detail: expect.stringContaining("missing, which is needed for deleting"),
    remedy: expect.stringContaining("allow s3:DeleteObject"),
  });
  expect(verdictsOf(await asRole("reader", "--read-only", "--json"))).toMatchObject({
    AbortMultipartUpload: "good",
    PutObject: "good",
    DeleteObject: "good",
  });
});

test("who may not list would not mount, nor would who may not read", async () => {
  const stranger = await asRole("stranger", "--json");
  expect(verdictsOf(stranger)).toMatchObject({ ListBucket: "bad", GetObject: "unknown" });
  expect(stranger.code).toBe(1);
  const lister = await asRole("lister", "--json");
  expect(verdictsOf(lister)).toMatchObject({ ListBucket: "good", GetObject: "bad" });
  expect(lister.code).toBe(1);
});

test("who may write, but not take back what is begun, has nothing begun", async () => {
  const finished = await asRole("forgetful", "--json");
  expect(verdictsOf(finished)).toMatchObject({
    AbortMultipartUpload: "warning",
    PutObject: "good",
  });
  expect(await bucket.uploads()).toEqual([]);
});

test("anonymous users are told to sign, or what the bucket would have to allow", async () => {
  const finished = await doctor([BUCKET, "--no-sign-request"]);
  expect(finished.stdout).toMatch(
    /^FAIL +s3:ListBucket: missing.*\n +-> leave out --no-sign-request, or allow s3:ListBucket to everybody/m,
  );
  expect(finished.stdout).toMatch(/^\? +s3:GetObject: without s3:ListBucket.*\nwarning/m);
  expect(finished.code).toBe(1);
});

test("a bucket that keeps versions has no delete marker more", async () => {
  const client = clientOf(roles.minio.endpoint);
  const versioned = new BucketView(client, "versioned");
  await versioned.create();
  const VersioningConfiguration = { Status: "Enabled" } as const;
  await client.send(
    new PutBucketVersioningCommand({ Bucket: "versioned", VersioningConfiguration }),
  );
  const { accessKeyId, secretAccessKey } = roles.minio.endpoint;
  const env = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    // A mount with keys does not need it.
    AWS_ENDPOINT_URL_STS: "garbage",
  };
  const finished = await doctor(["versioned", "--allow-delete"], env);
  expect(finished.stdout).toMatch(/^\? +identity: .*AWS_ENDPOINT_URL_STS is "garbage"/m);
  expect(finished.stdout).toMatch(/^ok +s3:DeleteObject: an object that does not exist/m);
  const versions = await client.send(new ListObjectVersionsCommand({ Bucket: "versioned" }));
  expect([versions.Versions, versions.DeleteMarkers]).toEqual([undefined, undefined]);
  expect(finished.code).toBe(0);
  expect(finished.stdout).not.toContain(secretAccessKey);
});

test("without credentials it says where it looked, and tries nothing in the bucket", async () => {
  const finished = await doctor([BUCKET, "--json"]);
  const finding = findingsOf(finished).get("credentials");
  expect(finding).toMatchObject({
    verdict: "bad",
    remedy: expect.stringContaining("--no-sign-request"),
  });
  for (const source of ["environment", "profile", "web identity", "container", "instance"]) {
    expect(finding?.detail).toContain(`${source}: `);
  }
  expect(verdictsOf(finished)).toEqual({});
  expect(finished.code).toBe(1);
});

test("STS tells whose the credentials are", async () => {
  const asked: string[] = [];
  const server: Server = createServer(({ headers, url }, response) => {
    asked.push(`${url} ${headers.authorization}`);
    const arn = "arn:aws:sts::123456789012:assumed-role/analyst/monday";
    response.end(`<GetCallerIdentityResponse><Arn>${arn}</Arn></GetCallerIdentityResponse>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { accessKeyId, secretAccessKey } = roles.minio.endpoint;
  const finished = await doctor([BUCKET, "--json"], {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${port}`,
  });
  server.close();
  expect(findingsOf(finished).get("identity")).toMatchObject({
    verdict: "good",
    detail: "arn:aws:sts::123456789012:assumed-role/analyst/monday",
  });
  expect(asked).toEqual([
    expect.stringMatching(
      /^\/\?Action=GetCallerIdentity&Version=2011-06-15 AWS4-HMAC-SHA256 .*\/us-east-1\/sts\/aws4_request, SignedHeaders=host;x-amz-date, /,
    ),
  ]);
});

test("a server without directory buckets is found to have none, as by a mount", async () => {
  const { accessKeyId, secretAccessKey } = roles.minio.endpoint;
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const finished = await doctor([BUCKET, "--bucket-type=directory", "--json"], env);
  expect(findingsOf(finished).get("s3express:CreateSession")).toMatchObject({
    verdict: "bad",
    detail: expect.stringContaining("CreateSession failed"),
    remedy: expect.stringContaining("--bucket-type general-purpose"),
  });
  expect(verdictsOf(finished)).toEqual({});
  expect(finished.code).toBe(1);
});

test("a directory that will not do, and a server that is not there, are told", async () => {
  const finished = await doctor([
    BUCKET,
    join(scratch.directory, "nowhere"),
    "--no-sign-request",
    "--json",
  ]);
  expect(findingsOf(finished).get("directory")).toMatchObject({
    verdict: "bad",
    detail: expect.stringContaining("does not exist"),
  });
  const nobody = [
    "doctor",
    BUCKET,
    "--no-sign-request",
    "--endpoint-url=http://127.0.0.1:1",
    "--json",
  ];
  const env = environmentFor(roles.minio.endpoint);
  const alone = await run(process.execPath, [commandLine, ...nobody], { env });
  expect(findingsOf(alone).get("s3:ListBucket")).toMatchObject({
    verdict: "bad",
    remedy: expect.stringContaining("is http://127.0.0.1:1 up"),
  });
  expect(alone.code).toBe(1);
  const byName = ["doctor", BUCKET, "--no-sign-request", "--endpoint-url=http://localhost:1"];
  const named = await run(process.execPath, [commandLine, ...byName], { env });
  expect(named.stdout).toContain(
    "(asked for as clinic.localhost:1; with --force-path-style, as localhost:1/clinic)",
  );
});
