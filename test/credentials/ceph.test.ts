/**
 * Roles of Ceph's gateway: a token service that judges who a token is for and whom it speaks for, and
 * sessions that really end after seconds.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { CephProcess, missingPrograms } from "../rigs/ceph-process.ts";
import { run } from "../rigs/child.ts";
import { IdentityProvider, SUBJECT } from "../rigs/identity-provider.ts";
import { KernelTree } from "../rigs/kernel-tree.ts";
import { MountProcess, mountCommand, optionsFor } from "../rigs/mount-process.ts";
import { Scratch } from "../rigs/scratch.ts";
import { outcomeOf } from "../scenarios/scenario.ts";
import { createWhole } from "../scenarios/whole-file.ts";

const BUCKET = "roles";
const AUDIENCE = "sts.amazonaws.com";
const SESSION_SECONDS = 6;
const missing = missingPrograms();

if (missing.length > 0) {
  const line = `roles of Ceph are not tried here, for want of ${missing.join(", ")}`;
  process.stdout.write(`${line}: Debian has them in radosgw, ceph-mon, ceph-osd and ceph-common\n`);
  test(line, () => expect(missing).not.toEqual([]));
} else {
  describe("a role of Ceph", rolesOfCeph);
}

function rolesOfCeph(): void {
  let scratch: Scratch;
  let provider: IdentityProvider;
  let ceph: CephProcess;

  beforeAll(async () => {
    scratch = new Scratch();
    provider = await IdentityProvider.start(scratch.makeDirectory("issuer"));
    ceph = await CephProcess.start(scratch);
    const bucket = new BucketView(clientOf(ceph.endpoint), BUCKET);
    await bucket.create();
    await bucket.put("object", "content");
    await makeRoles();
  }, 120_000);

  afterAll(async () => {
    await provider.stop();
    await ceph.stop();
    await scratch.close();
  });

  /** "pod" for those whom the provider vouches for, "user" for the user of the gateway. */
  async function makeRoles(): Promise<void> {
    const id = new URL(provider.issuer).host;
    await ceph.administer({
      Action: "CreateOpenIDConnectProvider",
      Url: provider.issuer,
      "ClientIDList.member.1": AUDIENCE,
      "ThumbprintList.member.1": provider.thumbprint,
    });
    await makeRole("pod", {
      Principal: { Federated: [`arn:aws:iam:::oidc-provider/${id}`] },
      Action: ["sts:AssumeRoleWithWebIdentity"],
      Condition: { StringEquals: { [`${id}:aud`]: AUDIENCE, [`${id}:sub`]: SUBJECT } },
    });
    await makeRole("user", {
      Principal: { AWS: ["arn:aws:iam:::user/tester"] },
      Action: ["sts:AssumeRole"],
    });
  }

  async function makeRole(name: string, trust: object): Promise<void> {
    await ceph.administer({
      Action: "CreateRole",
      RoleName: name,
      Path: "/",
      AssumeRolePolicyDocument: policy([{ Effect: "Allow", ...trust }]),
    });
    await ceph.administer({
      Action: "PutRolePolicy",
      RoleName: name,
      PolicyName: "reading",
      PolicyDocument: policy([
        { Effect: "Allow", Action: ["s3:ListBucket"], Resource: [`arn:aws:s3:::${BUCKET}`] },
        { Effect: "Allow", Action: ["s3:GetObject"], Resource: [`arn:aws:s3:::${BUCKET}/*`] },
      ]),
    });
  }

  const policy = (Statement: readonly object[]) =>
    JSON.stringify({ Version: "2012-10-17", Statement });

  function requestWith(env: Readonly<Record<string, string>>) {
    return {
      endpoint: { ...ceph.endpoint, accessKeyId: "", secretAccessKey: "" },
      bucket: BUCKET,
      directory: scratch.makeDirectory("mount"),
      args: ["--allow-delete", "--debug", "--upload-checksums=off"],
      env: { AWS_ENDPOINT_URL_STS: ceph.endpoint.url, ...env },
    };
  }

  async function podRequest(subject: string) {
    const path = join(scratch.makeDirectory("token"), "token");
    const token = await provider.sign({ audience: AUDIENCE, lifeSeconds: 600, subject });
    await writeFile(path, token, { mode: 0o600 });
    return requestWith({
      AWS_ROLE_ARN: "arn:aws:iam:::role/pod",
      AWS_WEB_IDENTITY_TOKEN_FILE: path,
    });
  }

  test("is taken on by the service account that it trusts, and may what its policy says", async () => {
    const mount = await MountProcess.start(await podRequest(SUBJECT));
    const tree = new KernelTree(mount.directory);
    expect(await readFile(join(mount.directory, "object"), "utf8")).toBe("content");
    expect(await outcomeOf(createWhole(tree, "new", Buffer.from("x")))).toBe("EACCES");
    expect(await outcomeOf(tree.unlink("object"))).toBe("EACCES");
    await mount.stop();
  });

  test("is not taken on by another service account", async () => {
    const request = await podRequest("system:serviceaccount:default:somebody-else");
    const { code, stderr } = await run(
      process.execPath,
      mountCommand(request),
      optionsFor(request),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/web identity: .* gave none: HTTP 403/);
  });

  test("goes on over the ends of its sessions, and ends as EACCES when the role is taken away", async () => {
    const { accessKeyId, secretAccessKey } = ceph.endpoint;
    const config = join(scratch.makeDirectory("aws"), "config");
    await writeFile(
      config,
      [
        "[profile role]",
        "role_arn = arn:aws:iam:::role/user",
        "source_profile = base",
        `duration_seconds = ${SESSION_SECONDS}`,
        "[profile base]",
        `aws_access_key_id = ${accessKeyId}`,
        `aws_secret_access_key = ${secretAccessKey}`,
      ].join("\n"),
    );
    const mount = await MountProcess.start(
      requestWith({ AWS_PROFILE: "role", AWS_CONFIG_FILE: config }),
    );
    const read = () => readFile(join(mount.directory, "object"), "utf8");
    const untilMs = Date.now() + 2.5 * SESSION_SECONDS * 1000;
    while (Date.now() < untilMs) {
      expect(await read()).toBe("content");
      await delay(200);
    }
    expect(mount.child.stdout.match(/got credentials/g)?.length).toBeGreaterThanOrEqual(3);

    await ceph.administer({ Action: "DeleteRolePolicy", RoleName: "user", PolicyName: "reading" });
    await ceph.administer({ Action: "DeleteRole", RoleName: "user" });
    const ended = mount.child.waitForOutput(/ERROR s3: the credentials ended at .*\n/);
    let outcome = "";
    while (outcome !== "EACCES") {
      outcome = await outcomeOf(read());
      await delay(200);
    }
    const load = setInterval(() => void outcomeOf(read()), 200);
    expect(await ended).toMatch(/cannot be renewed: .*the profile "role" gave none: /);
    clearInterval(load);
    expect(await outcomeOf(read())).toBe("EACCES");
    expect(mount.child.stdout).not.toContain(secretAccessKey);
    await mount.stop();
  }, 90_000);
}
