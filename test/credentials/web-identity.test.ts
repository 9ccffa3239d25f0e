/**
 * Roles that a workload takes on by a token of an OpenID provider (as IRSA in EKS), against the token
 * service of a real MinIO, with policies as tutorials write them.
 */

import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { run } from "../rigs/child.ts";
import { IdentityProvider } from "../rigs/identity-provider.ts";
import { KernelTree } from "../rigs/kernel-tree.ts";
import { MinioRoles, type Statement } from "../rigs/minio-roles.ts";
import { MountProcess, mountCommand, optionsFor } from "../rigs/mount-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { ServiceGate } from "../rigs/service-gate.ts";
import { outcomeOf } from "../scenarios/scenario.ts";
import { createWhole, namesIn } from "../scenarios/whole-file.ts";

const BUCKET = "models";
const OBJECTS = ["arn:aws:s3:::models/*"];
const LIST: Statement = {
  Effect: "Allow",
  Action: ["s3:ListBucket"],
  Resource: ["arn:aws:s3:::models"],
};
const WRITE = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"];

/** By role. */
const POLICIES = {
  reader: [LIST, { Effect: "Allow", Action: ["s3:GetObject"], Resource: OBJECTS }],
  writer: [LIST, { Effect: "Allow", Action: WRITE, Resource: OBJECTS }],
  revoked: [LIST],
  tenant: [
    { ...LIST, Condition: { StringLike: { "s3:prefix": ["tenant/*"] } } },
    {
      Effect: "Allow",
      Action: [...WRITE, "s3:DeleteObject"],
      Resource: ["arn:aws:s3:::models/tenant/*"],
    },
  ],
} as const satisfies Record<string, readonly Statement[]>;

type Role = keyof typeof POLICIES;

let scratch: Scratch;
let provider: IdentityProvider;
let roles: MinioRoles;
let gate: ServiceGate;
let bucket: BucketView;

beforeAll(async () => {
  scratch = new Scratch();
  provider = await IdentityProvider.start();
  roles = await MinioRoles.start(scratch, provider, POLICIES);
  gate = await ServiceGate.start(roles.minio.endpoint.url);
  bucket = new BucketView(clientOf(roles.minio.endpoint), BUCKET);
  await bucket.create();
  for (const key of ["model", "tenant/model", "other/model"])
    await bucket.put(key, `this is ${key}`);
});

afterAll(async () => {
  await gate.stop();
  await provider.stop();
  await roles.minio.stop();
  await scratch.close();
});

/** A mount that knows a token and a role, and no key. */
async function requestFor(role: Role, options: { token?: string; args?: string[] } = {}) {
  const { args = [], token = await provider.sign({ audience: role, lifeSeconds: 600 }) } = options;
  const path = join(scratch.makeDirectory("token"), "token");
  await writeFile(path, token, { mode: 0o600 });
  return {
    endpoint: { ...roles.minio.endpoint, accessKeyId: "", secretAccessKey: "" },
    bucket: BUCKET,
    directory: scratch.makeDirectory("mount"),
    args: ["--allow-delete", "--allow-overwrite", ...args],
    env: {
      AWS_ROLE_ARN: roles.arnOf(role),
      AWS_WEB_IDENTITY_TOKEN_FILE: path,
      AWS_ROLE_SESSION_NAME: "the-pod",
      AWS_ENDPOINT_URL_STS: gate.url,
    },
  };
}

async function mountAs(role: Role, ...args: string[]) {
  const mount = await MountProcess.start(await requestFor(role, { args }));
  return { mount, tree: new KernelTree(mount.directory) };
}

async function refusal(role: Role, options: { token?: string; args?: string[] }): Promise<string> {
  const request = await requestFor(role, options);
  const { code, stderr } = await run(process.execPath, mountCommand(request), optionsFor(request));
  expect(code).toBe(1);
  return stderr;
}

const read = (mount: MountProcess, name: string) => readFile(join(mount.directory, name), "utf8");

describe("a role", () => {
  test("that may read reads, and is told what it lacks", async () => {
    const { mount, tree } = await mountAs("reader", "--debug");
    expect(await read(mount, "model")).toBe("this is model");
    expect(await outcomeOf(createWhole(tree, "new", Buffer.from("x")))).toBe("EACCES");
    expect(await outcomeOf(tree.unlink("model"))).toBe("EACCES");
    await mount.stop();
    expect(mount.child.stdout).toContain("the credentials need the permission s3:PutObject");
    expect(mount.child.stdout).toContain("the credentials need the permission s3:DeleteObject");
    const arn = roles.arnOf("reader");
    expect(mount.child.stdout).toMatch(
      new RegExp(`got credentials from the web identity in .*/token, as ${arn}: .* until 20`),
    );
  });

  test("that may write but not delete writes", async () => {
    const { mount, tree } = await mountAs("writer");
    const large = Buffer.alloc(12 << 20, "l");
    await createWhole(tree, "small", Buffer.from("small"));
    await createWhole(tree, "large", large);
    expect(await read(mount, "small")).toBe("small");
    expect(await outcomeOf(tree.unlink("small"))).toBe("EACCES");
    await mount.stop();
    expect((await bucket.get("large"))?.equals(large)).toBe(true);
    expect(await bucket.uploads()).toEqual([]);
  });

  test("of a prefix has that prefix, and no more", async () => {
    const { mount, tree } = await mountAs("tenant", "--prefix=tenant/");
    expect(await namesIn(tree)).toEqual(["model"]);
    await createWhole(tree, "new", Buffer.from("x"));
    await tree.unlink("new");
    await mount.stop();
    expect(await refusal("tenant", {})).toMatch(/AccessDenied.*s3:ListBucket/);
    expect(await refusal("tenant", { args: ["--prefix=other/"] })).toMatch(/s3:ListBucket/);
  });
});

test("a role that is revoked is EACCES for those who work at once, and works again when it is back", async () => {
  await roles.setPolicy("revoked", POLICIES.writer);
  const { mount, tree } = await mountAs("revoked");
  expect(await read(mount, "model")).toBe("this is model");
  const writer = await open(join(mount.directory, "half-written"), "wx");
  await writer.write("half");
  await roles.setPolicy("revoked", [
    { Effect: "Deny", Action: ["s3:*"], Resource: ["arn:aws:s3:::*"] },
  ]);
  // What was read a moment ago may be served from memory; this was not.
  expect(await outcomeOf(read(mount, "other/model"))).toBe("EACCES");
  expect(await outcomeOf(writer.close())).toBe("EACCES");
  await mount.child.waitForOutput(/WARN fs: .*"half-written" fails with EACCES: .*s3:PutObject/);
  await roles.setPolicy("revoked", POLICIES.writer);
  expect(await read(mount, "other/model")).toBe("this is other/model");
  await createWhole(tree, "after", Buffer.from("x"));
  await mount.stop();
});

test("the role, the session's name and the token go to STS, once for the whole mount", async () => {
  const before = gate.asked.length;
  const { mount } = await mountAs("reader");
  await Promise.all([read(mount, "model"), read(mount, "model"), read(mount, "tenant/model")]);
  await mount.stop();
  const asked = gate.asked.slice(before).map((form) => Object.fromEntries(form));
  expect(asked).toEqual([
    {
      Action: "AssumeRoleWithWebIdentity",
      Version: "2011-06-15",
      RoleArn: roles.arnOf("reader"),
      RoleSessionName: "the-pod",
      WebIdentityToken: provider.tokens.at(-1),
    },
  ]);
});

describe("no mount comes of a token", () => {
  test.each([
    ["that has expired", () => provider.sign({ audience: "reader", lifeSeconds: -5 }), /expired/],
    ["for another role", () => provider.sign({ audience: "writer", lifeSeconds: 600 }), /azp/],
    ["of another signer", () => provider.forge({ audience: "reader", lifeSeconds: 600 }), /crypto/],
    ["that is none", async () => "not.a.token", /token|segments|JWT/i],
  ])("%s: STS says why, and the token is not shown", async (_, sign, why) => {
    const token = await sign();
    const message = await refusal("reader", { token });
    expect(message).toMatch(/cannot mount bucket models.*web identity: .* gave none: /);
    expect(message).toMatch(why);
    expect(message).not.toContain(token);
  });

  test("that is not there: the file is named", async () => {
    const request = await requestFor("reader");
    const env = { ...request.env, AWS_WEB_IDENTITY_TOKEN_FILE: "/nonexistent/token" };
    const { code, stderr } = await run(process.execPath, mountCommand(request), {
      ...optionsFor({ ...request, env }),
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/web identity: .*ENOENT.*\/nonexistent\/token/);
  });
});
