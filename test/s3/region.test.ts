/** Where the region comes from, and what a strict double of the EC2 metadata service is asked. */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findRegion } from "../../src/s3/region.ts";

const TOKEN = "the-token";

let directory: string;
let server: Server | undefined;
let asked: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "s3-region-"));
  asked = [];
  // The SDK's loader reads these by itself.
  vi.stubEnv("AWS_CONFIG_FILE", join(directory, "config"));
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(directory, "credentials"));
  vi.stubEnv("AWS_PROFILE", undefined);
  vi.stubEnv("AWS_REGION", undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(directory, { recursive: true });
});

async function serve(
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    onRequest(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers as IMDSv2 does: a token for a PUT with its life, and nothing without the token. */
function instanceIn(region: string, base = "") {
  return serve((request, response) => {
    const { headers, method, url } = request;
    const lifeSeconds = Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]);
    if (method === "PUT" && url === `${base}/latest/api/token`) {
      response.statusCode = lifeSeconds >= 1 && lifeSeconds <= 21_600 ? 200 : 400;
      response.end(response.statusCode === 200 ? TOKEN : "");
    } else if (method === "GET" && url === `${base}/latest/meta-data/placement/region`) {
      response.statusCode = headers["x-aws-ec2-metadata-token"] === TOKEN ? 200 : 401;
      response.end(response.statusCode === 200 ? region : "");
    } else {
      response.statusCode = 404;
      response.end();
    }
  });
}

function find(environment: Record<string, string>, options: { profile?: string } = {}) {
  return findRegion({ environment, profile: options.profile, asksInstance: true });
}

function configure(): void {
  writeFileSync(
    join(directory, "config"),
    "[default]\nregion = from-default\n[profile other]\nregion = from-other\n[profile none]\noutput = json\n",
  );
}

test("the environment comes first, AWS_REGION before AWS_DEFAULT_REGION", async () => {
  configure();
  const endpoint = await instanceIn("from-instance");
  const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint, AWS_DEFAULT_REGION: "second" };
  expect(await find({ ...environment, AWS_REGION: "first" })).toEqual({
    region: "first",
    isAssumed: false,
  });
  expect(await find(environment)).toEqual({ region: "second", isAssumed: false });
  expect(asked).toEqual([]);
});

test("then the shared files: the profile that was named, AWS_PROFILE's, the default one", async () => {
  configure();
  const endpoint = await instanceIn("from-instance");
  const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint };
  expect((await find(environment)).region).toBe("from-default");
  expect((await find(environment, { profile: "other" })).region).toBe("from-other");
  vi.stubEnv("AWS_PROFILE", "other");
  expect((await find(environment)).region).toBe("from-other");
  expect(asked).toEqual([]);
  expect((await find(environment, { profile: "none" })).region).toBe("from-instance");
});

describe("the instance", () => {
  test("is asked with a token, at the endpoint that is named", async () => {
    const endpoint = await instanceIn("eu-north-1", "/base");
    const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `${endpoint}/base/` };
    expect(await find(environment)).toEqual({ region: "eu-north-1", isAssumed: false });
    expect(asked).toEqual([
      "PUT /base/latest/api/token",
      "GET /base/latest/meta-data/placement/region",
    ]);
  });

  test("is not asked when that is switched off, or when another endpoint is used", async () => {
    const endpoint = await instanceIn("eu-north-1");
    const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint };
    const assumed = { region: "us-east-1", isAssumed: true };
    expect(await find({ ...environment, AWS_EC2_METADATA_DISABLED: "true" })).toEqual(assumed);
    expect(await findRegion({ environment, profile: undefined, asksInstance: false })).toEqual(
      assumed,
    );
    expect(asked).toEqual([]);
    expect((await find({ ...environment, AWS_EC2_METADATA_DISABLED: "false" })).region).toBe(
      "eu-north-1",
    );
  });

  test.each([
    ["refuses the token", 403, ""],
    ["has no such thing", 404, ""],
    ["leads elsewhere", 302, ""],
    ["answers with what is no region", 200, "<html>a portal</html>"],
    ["answers with nothing", 200, ""],
  ])("that %s is passed over", async (_, status, body) => {
    const endpoint = await serve((_request, response) => {
      response.writeHead(status, { location: "/elsewhere" }).end(body);
    });
    const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint };
    expect(await find(environment)).toEqual({ region: "us-east-1", isAssumed: true });
  });

  test("that is not there costs no time, and one that does not answer a second in all", async () => {
    const nowhere = { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1" };
    expect((await find(nowhere)).isAssumed).toBe(true);
    // The token comes late, the region never.
    const endpoint = await serve((request, response) => {
      if (request.method === "PUT") setTimeout(() => response.end(TOKEN), 500);
    });
    const times: number[] = [];
    const timed = async () => {
      asked.length = 0;
      const startMs = performance.now();
      expect((await find({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint })).isAssumed).toBe(true);
      expect(asked).toHaveLength(2);
      times.push(performance.now() - startMs);
      return times.at(-1);
    };
    // A second for each request would be one and a half.
    await expect.poll(timed).toBeLessThan(1400);
    expect(Math.min(...times)).toBeGreaterThan(900);
  });
});
