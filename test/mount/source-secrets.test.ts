/**
 * Each source of credentials has secrets of its own: what it is asked with, and what it gives. None of them
 * is seen at the shell, in the log nor in the list of processes, though everyone who is asked quotes them.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../rigs/child.ts";
import { MountProcess, mountCommand, optionsFor } from "../rigs/mount-process.ts";
import { type Answer, QuotingServer, quotationOf } from "../rigs/quoting-server.ts";
import { Scratch } from "../rigs/scratch.ts";
import { outcomeOf } from "../scenarios/scenario.ts";

/** What every service gives that gives anything. */
const GIVEN = {
  key: "ASIAGIVENGIVEN123456",
  secret: "given/secret+distinctive/K7MDENG",
  token: "FwoGgivenDistinctiveToken//+==",
};
/** A token as an OpenID provider signs it. */
const JWT = [
  Buffer.from('{"alg":"RS256","kid":"key-1"}').toString("base64url"),
  Buffer.from('{"sub":"system:serviceaccount:default:pod"}').toString("base64url"),
  "distinctive_signature-of-the-token",
].join(".");
const BASE_SECRET = "base/secret+distinctive/bPxRfiCY";
const BASE = ["aws_access_key_id = AKIABASEBASE12345678", `aws_secret_access_key = ${BASE_SECRET}`];
const ROLE = "role_arn = arn:aws:iam::123456789012:role/pod";
const END = new Date(Date.now() + 3_600_000).toISOString();
const START_URL = "https://example.awsapps.com/start";

interface Source {
  readonly name: string;
  /** By path below the home directory. */
  readonly files: Readonly<Record<string, string>>;
  /** `HOME` in a value is that directory, `SERVER` the server's address. */
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

const AGENT = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "SERVER/agent" };
const PROFILE = { AWS_PROFILE: "p" };

function cachedLogin(name: string, login: object): Readonly<Record<string, string>> {
  const digest = createHash("sha1").update(name).digest("hex");
  const content = { region: "eu-west-1", startUrl: START_URL, ...login };
  return { [`.aws/sso/cache/${digest}.json`]: JSON.stringify(content) };
}

const PORTAL = "sso_account_id = 123456789012\nsso_role_name = Reader";

const SOURCES: readonly Source[] = [
  {
    name: "a role by source_profile",
    files: {
      ".aws/config": ["[profile p]", ROLE, "source_profile = b", "[profile b]", ...BASE].join("\n"),
    },
    env: PROFILE,
    secrets: [BASE_SECRET],
  },
  {
    name: "credential_process",
    files: {
      ".aws/config":
        "[profile p]\ncredential_process = sh HOME/login --password hunter2-distinctive",
      login: `test -e HOME/refuses && { echo "log in first" >&2; exit 3; }; cat HOME/answer`,
      answer: JSON.stringify({
        Version: 1,
        AccessKeyId: GIVEN.key,
        SecretAccessKey: GIVEN.secret,
        SessionToken: GIVEN.token,
        Expiration: END,
      }),
    },
    env: PROFILE,
    secrets: ["hunter2-distinctive"],
  },
  {
    name: "web identity",
    files: { token: JWT },
    env: { AWS_WEB_IDENTITY_TOKEN_FILE: "HOME/token", AWS_ROLE_ARN: "arn:aws:iam::1:role/pod" },
    secrets: JWT.split("."),
  },
  {
    name: "web identity in a profile",
    files: {
      token: JWT,
      ".aws/config": `[profile p]\n${ROLE}\nweb_identity_token_file = HOME/token`,
    },
    env: PROFILE,
    secrets: JWT.split("."),
  },
  {
    name: "IAM Identity Center",
    files: {
      ".aws/config": `[profile p]\nsso_start_url = ${START_URL}\nsso_region = eu-west-1\n${PORTAL}`,
      ...cachedLogin(START_URL, { accessToken: "login-distinctive", expiresAt: END }),
    },
    env: { ...PROFILE, AWS_ENDPOINT_URL_SSO: "SERVER" },
    secrets: ["login-distinctive"],
  },
  {
    name: "IAM Identity Center with a session to renew",
    files: {
      ".aws/config": `[profile p]\nsso_session = s\n${PORTAL}\n[sso-session s]\nsso_start_url = ${START_URL}\nsso_region = eu-west-1`,
      ...cachedLogin("s", {
        accessToken: "login-distinctive",
        expiresAt: new Date(Date.now() + 60_000).toISOString(),
        clientId: "client",
        clientSecret: "client-distinctive",
        refreshToken: "refresh-distinctive",
        registrationExpiresAt: END,
      }),
    },
    env: { ...PROFILE, AWS_ENDPOINT_URL_SSO: "SERVER", AWS_ENDPOINT_URL_SSO_OIDC: "SERVER" },
    secrets: [
      "login-distinctive",
      "renewed-distinctive",
      "refresh-distinctive",
      "client-distinctive",
    ],
  },
  {
    name: "a container's token in a variable",
    files: {},
    env: { ...AGENT, AWS_CONTAINER_AUTHORIZATION_TOKEN: "agent-token-distinctive" },
    secrets: ["agent-token-distinctive"],
  },
  {
    name: "a container's token in a file",
    files: { token: "agent-token-distinctive" },
    env: { ...AGENT, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "HOME/token" },
    secrets: ["agent-token-distinctive"],
  },
  {
    name: "an instance",
    files: {},
    env: { AWS_EC2_METADATA_DISABLED: "false", AWS_EC2_METADATA_SERVICE_ENDPOINT: "SERVER" },
    secrets: ["imds-token-distinctive"],
  },
];

const KEYS = {
  Code: "Success",
  AccessKeyId: GIVEN.key,
  SecretAccessKey: GIVEN.secret,
  Token: GIVEN.token,
  Expiration: END,
};

/** What STS, the portal, an agent and an instance's metadata answer, by path; undefined elsewhere. */
function given(url: string, body: string): string | undefined {
  const [path = ""] = url.split("?");
  const action = new URLSearchParams(body).get("Action");
  if (path === "/" && action !== null) {
    const xml = `<Credentials><AccessKeyId>${GIVEN.key}</AccessKeyId><SecretAccessKey>${GIVEN.secret}</SecretAccessKey><SessionToken>${GIVEN.token}</SessionToken><Expiration>${END}</Expiration></Credentials>`;
    return `<${action}Response><${action}Result>${xml}</${action}Result></${action}Response>`;
  }
  if (path === "/token") {
    return JSON.stringify({ accessToken: "renewed-distinctive", expiresIn: 3600 });
  }
  if (path === "/federation/credentials") {
    const roleCredentials = {
      accessKeyId: GIVEN.key,
      secretAccessKey: GIVEN.secret,
      sessionToken: GIVEN.token,
      expiration: Date.parse(END),
    };
    return JSON.stringify({ roleCredentials });
  }
  if (path === "/agent" || path.endsWith("/security-credentials/role")) return JSON.stringify(KEYS);
  if (path === "/latest/api/token") return "imds-token-distinctive";
  return path.endsWith("/security-credentials/") ? "role" : undefined;
}

/** In the form that each of them refuses in. */
function refusal(url: string, quoted: string): Answer {
  const text = quoted.replace(/[<&"\\]/g, "_");
  if (url === "/") {
    const error = `<Error><Code>AccessDenied</Code><Message>${text}</Message></Error>`;
    return { status: 403, body: `<ErrorResponse>${error}</ErrorResponse>` };
  }
  // The metadata of an instance is refused behind its token, so that this is sent.
  if (url === "/latest/api/token") return { status: 200, body: "imds-token-distinctive" };
  const names = { Code: text, Message: text, message: text, error_description: text };
  return { status: 403, body: JSON.stringify({ ...names, error: "invalid_request" }) };
}

let scratch: Scratch;
let server: QuotingServer;

beforeAll(async () => {
  scratch = new Scratch();
  server = await QuotingServer.start();
});

afterAll(async () => {
  await server.stop();
  await scratch.close();
});

function requestFor({ env, files }: Source) {
  const home = scratch.makeDirectory("home");
  const filled = (text: string) => text.replaceAll("HOME", home).replaceAll("SERVER", server.url);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), filled(content));
  }
  const own = Object.entries(env).map(([name, value]) => [name, filled(value)]);
  return {
    home,
    endpoint: { url: server.url, accessKeyId: "", secretAccessKey: "" },
    bucket: "test-bucket",
    directory: scratch.makeDirectory("mount"),
    args: [`--log-directory=${scratch.makeDirectory("logs")}`],
    env: {
      HOME: home,
      MOUNTPOINT_LOG: "trace",
      AWS_ENDPOINT_URL_STS: server.url,
      AWS_MAX_ATTEMPTS: "1",
      ...(Object.fromEntries(own) as Record<string, string>),
    },
  };
}

function expectClean(text: string, secrets: readonly string[]): void {
  const given = [GIVEN.key, GIVEN.secret, GIVEN.token];
  for (const secret of [...given, ...secrets, ...server.signatures]) {
    expect(text).not.toContain(secret);
  }
}

describe.each(SOURCES)("$name", (source) => {
  test("gives credentials, which S3 quotes", async () => {
    server.service = ({ url = "" }, body) => {
      const text = given(url, body);
      return text === undefined ? undefined : { status: 200, body: text };
    };
    const request = requestFor(source);
    const mount = await MountProcess.start(request);
    expect(await readdir(mount.directory)).toEqual(["file"]);
    expect(await outcomeOf(readFile(join(mount.directory, "file")))).toBe("EACCES");
    expectClean(readFileSync(`/proc/${mount.child.pid}/cmdline`, "latin1"), source.secrets);
    await mount.stop();
    const { stderr, stdout } = mount.child;
    expect(stdout).toContain("ends in 3456");
    expectClean(stdout + stderr, source.secrets);
    const logs = request.args[0]?.split("=")[1] ?? "";
    const [name = ""] = readdirSync(logs);
    expectClean(readFileSync(join(logs, name), "utf8"), source.secrets);
  });

  test("is refused in words that quote what it was asked with", async () => {
    server.service = (asking, body) => {
      const { url = "" } = asking;
      if (given(url, body) === undefined) return undefined;
      return refusal(url, quotationOf(asking, body));
    };
    const request = requestFor(source);
    writeFileSync(join(request.home, "refuses"), "");
    const finished = await run(
      process.execPath,
      [...mountCommand(request), "--foreground"],
      optionsFor(request),
    );
    expect(finished.code).toBe(1);
    expect(finished.stderr).toMatch(/cannot mount bucket test-bucket: .*gave none: /);
    expectClean(finished.stdout + finished.stderr, source.secrets);
  });
});
