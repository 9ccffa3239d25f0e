/**
 * The sources of credentials, in their order, each alone: shared files, doubles of the metadata services,
 * and what is said when none has any. Token services that are real: test/credentials/.
 */

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { succeed } from "../rigs/child.ts";
import { CredentialSurroundings } from "../rigs/credential-surroundings.ts";
import {
  containerAgent,
  type GivenKeys,
  instanceMetadata,
  MetadataService,
} from "../rigs/metadata-service.ts";
import { testAsRoot } from "../rigs/root.ts";

const AGENT_PATH = "/v1/credentials";

/** Gives the loopback of a new network the address of ECS's agent, by ioctl, and runs the arguments. */
const WITH_ADDRESS = `
import fcntl, os, socket, struct, sys
SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8914, 0x8916, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
  address = socket.inet_aton("169.254.170.2")
  fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, address))
  for name in (b"lo", b"lo:1"):
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", name, IFF_UP))
os.execvp(sys.argv[1], sys.argv[1:])
`;

let around: CredentialSurroundings;
let services: MetadataService[];

beforeEach(() => {
  around = new CredentialSurroundings();
  services = [];
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

function keys(name: string, lifeMs = 3_600_000): GivenKeys {
  const Expiration = new Date(Date.now() + lifeMs).toISOString();
  return { AccessKeyId: name, SecretAccessKey: "very-secret", Token: `token-${name}`, Expiration };
}

const STATIC = ["aws_access_key_id = FROM-PROFILE", "aws_secret_access_key = very-secret"];

describe("the order", () => {
  test("environment, profile, web identity, container, instance", async () => {
    const agent = await serve(
      containerAgent(
        AGENT_PATH,
        () => undefined,
        () => keys("CONTAINER"),
      ),
    );
    const instance = await serve(instanceMetadata("role", () => keys("INSTANCE")));
    const found: string[] = [];
    const note = async () => found.push((await around.ask()).accessKeyId);

    around.set({
      AWS_EC2_METADATA_DISABLED: "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
    });
    await note();
    around.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}${AGENT_PATH}` });
    await note();
    around.write("credentials", "[default]", ...STATIC);
    await note();
    around.set({ AWS_ACCESS_KEY_ID: "ENVIRONMENT", AWS_SECRET_ACCESS_KEY: "very-secret" });
    await note();
    // Where the SDK would take the profile.
    around.set({ AWS_PROFILE: "default" });
    await note();
    expect(found).toEqual(["INSTANCE", "CONTAINER", "FROM-PROFILE", "ENVIRONMENT", "ENVIRONMENT"]);
  });

  test("a source that is set up and fails is the last: nobody else is asked", async () => {
    const instance = await serve(instanceMetadata("role", () => keys("INSTANCE")));
    around.set({
      AWS_EC2_METADATA_DISABLED: "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
    });
    around.set({
      AWS_WEB_IDENTITY_TOKEN_FILE: join(around.directory, "no-token"),
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/pod",
    });
    expect(await around.refusal()).toMatch(
      /web identity: the web identity in .*no-token, as arn:.*role\/pod gave none: ENOENT.*no-token/,
    );
    expect(instance.asked).toEqual([]);
  });

  test("--profile asks the profile alone", async () => {
    around.set({ AWS_ACCESS_KEY_ID: "ENVIRONMENT", AWS_SECRET_ACCESS_KEY: "very-secret" });
    around.write("credentials", "[other]", ...STATIC);
    expect(await around.ask("other")).toMatchObject({
      accessKeyId: "FROM-PROFILE",
      source: 'the profile "other"',
    });
    expect(await around.refusal("missing")).toMatch(
      /^GetCredentials failed: no credentials: profile: .*there is no profile "missing" in .*config or .*credentials$/,
    );
  });
});

describe("what is said", () => {
  test("when there are none: each source, and why it has none", async () => {
    around.write("config", "[default]", "region = eu-west-1");
    expect(await around.refusal()).toBe(
      "GetCredentials failed: no credentials: " +
        "environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; " +
        `profile: the profile "default" has no credentials in ${around.directory}/config or ${around.directory}/credentials; ` +
        "web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set; " +
        "container: neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set; " +
        "instance: AWS_EC2_METADATA_DISABLED is true",
    );
  });

  test("of a half-set source: what is missing", async () => {
    around.set({
      AWS_ACCESS_KEY_ID: "ENVIRONMENT",
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/pod",
    });
    const message = await around.refusal();
    expect(message).toContain("environment: AWS_SECRET_ACCESS_KEY is not set");
    expect(message).toContain("web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set");
  });

  test("of AWS_PROFILE that names nothing: that, and nobody else is asked", async () => {
    around.set({ AWS_PROFILE: "typo" });
    expect(await around.refusal()).toMatch(/profile: .*there is no profile "typo" in [^;]*$/);
  });

  test("of an instance without a role, and of none", async () => {
    const instance = await serve(({ method }) => (method === "PUT" ? [200, "token"] : [404, ""]));
    around.set({
      AWS_EC2_METADATA_DISABLED: "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
    });
    expect(await around.refusal()).toMatch(
      /instance: the EC2 instance gave none: .*response.*metadata/i,
    );
    around.set({ AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1" });
    expect(await around.refusal()).toMatch(
      /instance: the EC2 instance gave none: it gave no session token/,
    );
  });
});

describe("a profile", () => {
  test.each([
    ["static keys", [...STATIC, "aws_session_token = token"], "FROM-PROFILE"],
    [
      "credential_process",
      [
        `credential_process = printf '{"Version":1,"AccessKeyId":"PROCESS","SecretAccessKey":"s","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z"}'`,
      ],
      "PROCESS",
    ],
  ])("with %s", async (_, lines, accessKeyId) => {
    around.write("config", "[profile p]", ...lines);
    expect((await around.ask("p")).accessKeyId).toBe(accessKeyId);
  });

  test("that is rewritten is read again", async () => {
    around.write("credentials", "[default]", ...STATIC);
    expect((await around.ask()).accessKeyId).toBe("FROM-PROFILE");
    around.write(
      "credentials",
      "[default]",
      "aws_access_key_id = NEXT",
      "aws_secret_access_key = s",
    );
    expect((await around.ask()).accessKeyId).toBe("NEXT");
  });

  test("whose credential_process fails: what it says, but not its command line", async () => {
    around.write(
      "config",
      "[profile p]",
      `credential_process = sh -c 'echo "log in first" >&2; exit 3' --password hunter2`,
    );
    const message = await around.refusal("p");
    expect(message).toContain("credential_process failed: log in first");
    expect(message).not.toContain("hunter2");
  });

  test("whose credential_process hangs is named before a mount gives up", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    // Ends with this process, whose pipe it reads.
    around.write("config", "[profile p]", "credential_process = cat");
    const refusal = around.refusal("p");
    await expect.poll(() => vi.getTimerCount()).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await refusal).toContain('the profile "p" gave none: no answer within 20 s');
  });
});

describe("a web identity", () => {
  /** The server that STS is looked for at, through a proxy that lets nobody through. */
  async function sought(
    variables: Readonly<Record<string, string>>,
    source = "web identity",
  ): Promise<string> {
    let authority = "";
    const proxy = createServer().listen(0, "127.0.0.1");
    proxy.on("connect", (request, socket) => {
      authority = request.url ?? "";
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    await once(proxy, "listening");
    around.set({
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      AWS_WEB_IDENTITY_TOKEN_FILE: around.write("token", "a-token"),
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/pod",
      AWS_MAX_ATTEMPTS: "1",
      ...variables,
    });
    expect(await around.refusal()).toMatch(new RegExp(`${source}: .* gave none: .*proxy`));
    proxy.close();
    return authority;
  }

  test.each([
    [{}, "sts.us-east-1.amazonaws.com:443"],
    [{ AWS_DEFAULT_REGION: "eu-west-2" }, "sts.eu-west-2.amazonaws.com:443"],
    [
      { AWS_REGION: "eu-west-1", AWS_STS_REGIONAL_ENDPOINTS: "legacy" },
      "sts.eu-west-1.amazonaws.com:443",
    ],
  ])("is shown to STS of the region, through the proxy: %o", async (variables, authority) => {
    expect(await sought(variables)).toBe(authority);
  });

  test("of a profile goes the same way", async () => {
    around.write(
      "config",
      "[profile pod]",
      "role_arn = arn:aws:iam::123456789012:role/pod",
      `web_identity_token_file = ${around.directory}/token`,
    );
    const variables = { AWS_REGION: "eu-west-1", AWS_PROFILE: "pod" };
    expect(await sought(variables, "profile")).toBe("sts.eu-west-1.amazonaws.com:443");
  });
});

describe("the instance", () => {
  test("is asked for a token, the role and its keys, in this order", async () => {
    const instance = await serve(instanceMetadata("my-role", () => keys("INSTANCE")));
    around.set({ AWS_EC2_METADATA_DISABLED: "", AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url });
    expect(await around.ask()).toMatchObject({
      accessKeyId: "INSTANCE",
      sessionToken: "token-INSTANCE",
      expiration: expect.any(Date),
      source: "the EC2 instance",
    });
    const path = "/latest/meta-data/iam/security-credentials/";
    expect(instance.asked).toEqual(["PUT /latest/api/token", `GET ${path}`, `GET ${path}my-role`]);
  });

  test("is never asked without a token (IMDSv1)", async () => {
    const instance = await serve(({ method }) => (method === "PUT" ? [403, ""] : [200, "role"]));
    around.set({
      AWS_EC2_METADATA_DISABLED: "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
    });
    expect(await around.refusal()).toContain("no session token (IMDSv2)");
    expect(instance.asked).toEqual(["PUT /latest/api/token"]);
  });

  test("is not asked where that is switched off", async () => {
    const instance = await serve(instanceMetadata("my-role", () => keys("INSTANCE")));
    around.set({
      AWS_EC2_METADATA_DISABLED: "TRUE",
      AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
    });
    expect(await around.refusal()).toContain("instance: AWS_EC2_METADATA_DISABLED is true");
    expect(instance.asked).toEqual([]);
  });
});

describe("a container", () => {
  test("shows the token of the variable", async () => {
    const agent = await serve(
      containerAgent(
        AGENT_PATH,
        () => "Basic abc",
        () => keys("ECS"),
      ),
    );
    around.set({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}${AGENT_PATH}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "Basic abc",
    });
    expect(await around.ask()).toMatchObject({
      accessKeyId: "ECS",
      source: `the container's address ${agent.url}${AGENT_PATH}`,
    });
  });

  test("shows the token in the file as it is now, which kubelet rewrites (Pod Identity)", async () => {
    let token = "first";
    const agent = await serve(
      containerAgent(
        AGENT_PATH,
        () => token,
        () => keys(`POD-${token}`),
      ),
    );
    around.set({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}${AGENT_PATH}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "not this one",
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(around.directory, "token"),
    });
    for (token of ["first", "second"]) {
      writeFileSync(join(around.directory, "token"), token);
      expect((await around.ask()).accessKeyId).toBe(`POD-${token}`);
    }
  });

  testAsRoot("a network of one's own")(
    "with a relative URI asks the agent of ECS at its link-local address",
    async () => {
      const program = fileURLToPath(new URL("../rigs/link-local.mjs", import.meta.url));
      const env = {
        PATH: process.env["PATH"],
        HOME: around.directory,
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/task",
        AWS_CONTAINER_AUTHORIZATION_TOKEN: "task-token",
      };
      const args = ["--net", "python3", "-c", WITH_ADDRESS, process.execPath, program];
      expect(await succeed("unshare", args, { env })).toContain(
        "TASKKEY from the container's address http://169.254.170.2/v2/credentials/task\n",
      );
    },
  );

  test("sends nothing to an address that is neither https nor one of Amazon's", async () => {
    const url = "http://user:hunter2@192.0.2.1/credentials?key=hunter3";
    around.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url });
    const message = await around.refusal();
    expect(message).toMatch(
      /container: .* http:\/\/192\.0\.2\.1\/credentials gave none: URL not acc/,
    );
    expect(message).not.toMatch(/hunter\d/);
  });
});
