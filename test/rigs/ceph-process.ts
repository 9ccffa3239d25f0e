/**
 * Ceph's object gateway with a cluster of one monitor and one store in memory: a second S3 server with a
 * token service and roles, which nobody of MinIO's authors wrote either. Where its programs are not
 * installed (Debian: radosgw, ceph-mon, ceph-osd, ceph-common), `missingPrograms` says so.
 */

import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../bench/servers/free-port.ts";
import { canonicalHeaders, Signer, timestampOf } from "../../src/s3/signer.ts";
import type { Endpoint } from "./bucket-view.ts";
import { Child, succeed } from "./child.ts";
import type { Scratch } from "./scratch.ts";

const PROGRAMS = [
  "ceph",
  "ceph-authtool",
  "ceph-mon",
  "ceph-osd",
  "monmaptool",
  "radosgw",
  "radosgw-admin",
];
const CAPABILITIES = [
  "--cap",
  "mon",
  "allow *",
  "--cap",
  "osd",
  "allow *",
  "--cap",
  "mgr",
  "allow *",
];
const READY_TIMEOUT_MS = 60_000;

export function missingPrograms(): readonly string[] {
  return PROGRAMS.filter((program) => !existsSync(join("/usr/bin", program)));
}

export class CephProcess {
  readonly endpoint: Endpoint;
  readonly #children: readonly Child[];

  private constructor(endpoint: Endpoint, children: readonly Child[]) {
    this.endpoint = endpoint;
    this.#children = children;
  }

  static async start(scratch: Scratch): Promise<CephProcess> {
    const directory = scratch.makeDirectory("ceph");
    const url = `http://127.0.0.1:${await freePort()}`;
    const endpoint = { url, accessKeyId: "ceph-user", secretAccessKey: "ceph-secret" };
    const config = join(directory, "ceph.conf");
    const children: Child[] = [];
    const begin = (program: string, ...args: string[]): Child => {
      const child = new Child(program, ["-c", config, "-f", ...args]);
      children.push(child);
      return child;
    };
    const ceph = (...args: string[]) =>
      succeed("ceph", ["-c", config, "--connect-timeout", "30", ...args]);

    await makeMonitor(directory, config, url);
    begin("ceph-mon", "-i", "a");
    const store = randomUUID();
    await ceph("osd", "new", store, "0");
    await ceph("auth", "import", "-i", join(directory, "keyring"));
    await succeed("ceph-osd", ["-c", config, "-i", "0", "--mkfs", "--osd-uuid", store]);
    await ceph("osd", "crush", "add-bucket", "host", "host");
    await ceph("osd", "crush", "move", "host", "root=default");
    await ceph("osd", "crush", "add", "osd.0", "1.0", "host=host");
    begin("ceph-osd", "-i", "0");
    const gateway = begin("radosgw", "-n", "client.rgw");
    await answers(url, gateway);
    await succeed("radosgw-admin", [
      ...[
        "-c",
        config,
        "-n",
        "client.rgw",
        "user",
        "create",
        "--uid=tester",
        "--display-name=tester",
      ],
      ...[`--access-key=${endpoint.accessKeyId}`, `--secret-key=${endpoint.secretAccessKey}`],
      "--caps=roles=*;oidc-provider=*",
    ]);
    return new CephProcess(endpoint, children);
  }

  /** One action of IAM. */
  async administer(parameters: Readonly<Record<string, string>>): Promise<void> {
    const path = "/";
    const body = new URLSearchParams({ Version: "2010-05-08", ...parameters }).toString();
    const payload = createHash("sha256").update(body).digest("hex");
    const timestamp = timestampOf(Date.now());
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      host: new URL(this.endpoint.url).host,
      "x-amz-content-sha256": payload,
      "x-amz-date": timestamp,
    };
    const signed = { headers: canonicalHeaders(headers), payload, timestamp };
    const parts = { method: "POST", path, query: "", ...signed };
    const signer = new Signer({ region: "us-east-1", service: "iam" });
    const authorization = signer.authorization(this.endpoint, parts);
    const response = await fetch(`${this.endpoint.url}${path}`, {
      method: "POST",
      headers: { ...headers, authorization },
      body,
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) child.signal("SIGKILL");
    await Promise.all(this.#children.map((child) => child.exited));
  }
}

async function makeMonitor(directory: string, config: string, url: string): Promise<void> {
  const [keyring, monmap, id] = [
    join(directory, "keyring"),
    join(directory, "monmap"),
    randomUUID(),
  ];
  const address = `[v2:127.0.0.1:${await freePort()}]`;
  for (const name of ["mon", "osd", "run"]) mkdirSync(join(directory, name));
  writeFileSync(config, configuration({ directory, id, address, url }), { mode: 0o600 });
  for (const [index, name] of ["mon.", "client.admin", "client.rgw", "osd.0"].entries()) {
    const create = index === 0 ? ["-C"] : [];
    await succeed("ceph-authtool", [...create, keyring, "--gen-key", "-n", name, ...CAPABILITIES]);
  }
  await succeed("monmaptool", ["--create", "--addv", "a", address, "--fsid", id, monmap]);
  const mkfs = ["--mkfs", "--monmap", monmap, "--keyring", keyring];
  await succeed("ceph-mon", ["-c", config, "-i", "a", ...mkfs]);
}

/** Sessions may be as short as a test. */
function configuration(at: {
  readonly directory: string;
  readonly id: string;
  readonly address: string;
  readonly url: string;
}): string {
  const { directory } = at;
  return `[global]
fsid = ${at.id}
mon host = ${at.address}
mon initial members = a
mon data = ${directory}/mon
osd data = ${directory}/osd
keyring = ${directory}/keyring
run dir = ${directory}/run
admin socket = ${directory}/run/$name.$pid.asok
pid file =
log file = /dev/null
mon cluster log file = /dev/null
ms bind ipv6 = false
public network = 127.0.0.0/8
osd objectstore = memstore
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
osd class load list = *
osd class default list = *
[client.rgw]
rgw frontends = beast endpoint=${new URL(at.url).host}
rgw sts key = abcdefghijklmnop
rgw s3 auth use sts = true
rgw sts min session duration = 1
`;
}

/** A server has no other way to say that it listens than to answer. */
async function answers(url: string, child: Child): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    if ((await fetch(url).catch(() => undefined))?.ok) return;
    if (!child.running) throw new Error(child.describe("ended before it was ready"));
    if (Date.now() > deadline) throw new Error(child.describe("did not become ready"));
    await delay(100);
  }
}
