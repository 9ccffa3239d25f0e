import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { ObjectClient } from "../../src/s3/index.ts";
import { defaultTrust } from "../../src/s3/trust.ts";
import { type Certificates, makeCertificates } from "../rigs/certificates.ts";
import { clientFor } from "./client-under-test.ts";
import { answering, type RawServer, response, startRawServer } from "./raw-server.ts";

let directory = "";
let certificates: Certificates | undefined;
let server: RawServer | undefined;
let client: ObjectClient | undefined;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trust-test-"));
  certificates = makeCertificates(directory);
});

afterAll(() => rmSync(directory, { recursive: true }));

const tell: unknown = Reflect.get(tls, "getCACertificates");

afterEach(async () => {
  Object.assign(tls, { getCACertificates: tell });
  client?.close();
  await server?.close();
  client = undefined;
  server = undefined;
});

describe("without a bundle", () => {
  test("an authority of NODE_EXTRA_CA_CERTS is trusted, and no other", async () => {
    const headers = { etag: '"e"', "last-modified": new Date(0).toUTCString() };
    server = await startRawServer(
      answering(() => response(200, headers)),
      certificates?.server,
    );
    const url = `https://localhost:${server.port}`;
    const nodeEnvironment = { NODE_EXTRA_CA_CERTS: certificates?.authorityPath };
    client = clientFor(url, { nodeEnvironment });
    expect((await client.head("k")).etag).toBe('"e"');
    client.close();
    client = clientFor(url, { retry: { attemptsMax: 1 } });
    await expect(client.head("k")).rejects.toThrow(/certificate/);
  });
});

describe("Node's own list", () => {
  test("is that of Node, and what NODE_EXTRA_CA_CERTS names if it can be read", () => {
    const extra = certificates?.authority ?? "";
    const named = { NODE_EXTRA_CA_CERTS: certificates?.authorityPath };
    const unreadable = { NODE_EXTRA_CA_CERTS: join(directory, "nothing") };
    for (const environment of [{}, named, unreadable]) {
      const flags = { ...environment, NODE_OPTIONS: "--use-bundled-ca" };
      const trust = defaultTrust(flags);
      expect(trust?.system).toBe(false);
      expect(trust?.certificates).toEqual(expect.arrayContaining([...tls.rootCertificates]));
    }
    expect(defaultTrust(named)?.certificates).toContain(extra);
  });

  test("is that of the system with --use-openssl-ca", () => {
    const environment = { NODE_OPTIONS: "--no-warnings --use-openssl-ca" };
    expect(defaultTrust(environment)).toEqual({ certificates: [], system: true });
  });

  test("is what a Node tells that can", () => {
    const told = ["-----BEGIN CERTIFICATE-----"];
    Object.assign(tls, { getCACertificates: () => told });
    const trust = defaultTrust({ NODE_OPTIONS: "--use-bundled-ca --use-system-ca" });
    expect(trust).toEqual({ certificates: told, system: false });
  });

  test("is unknown when the system's come to it and Node does not tell", () => {
    Object.assign(tls, { getCACertificates: undefined });
    const environment = { NODE_OPTIONS: "--use-bundled-ca --use-system-ca" };
    expect(defaultTrust(environment)).toBeUndefined();
  });
});
