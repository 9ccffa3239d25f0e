/** Runs `mount-s3-ts sandbox`: an S3 endpoint on this machine, until a signal ends it. */

import { randomBytes } from "node:crypto";
import { addonOrPortable } from "../native/index.ts";
import { type Credentials, createSandbox, type Sandbox, SandboxError } from "../sandbox/index.ts";
import { CliError } from "./error.ts";
import type { SandboxCommandOptions } from "./sandbox-table.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Resolves with the exit status when SIGINT or SIGTERM has ended it. */
export async function runSandbox(
  options: SandboxCommandOptions,
  environment: Environment,
): Promise<number> {
  const given = givenCredentials(environment);
  const credentials = given ?? inventCredentials();
  const sandbox = await start(options, options.anonymous ? "anonymous" : credentials);
  process.stdout.write(
    describeUse(sandbox, options, given ? "environment" : credentials).join("\n"),
  );
  await new Promise<void>((resolve) => {
    process.once("SIGINT", () => resolve()).once("SIGTERM", () => resolve());
  });
  await sandbox.close();
  return 0;
}

async function start(
  options: SandboxCommandOptions,
  credentials: Credentials | "anonymous",
): Promise<Sandbox> {
  const { bytesPerSecond, directory, sessionMs } = options;
  try {
    return await createSandbox({
      checksums: addonOrPortable(),
      buckets: options.buckets,
      credentials,
      port: options.port,
      ...(directory !== undefined && { storage: { directory } }),
      dials: {
        firstByteMs: options.latencyMs,
        discard: options.discard,
        ...(bytesPerSecond !== undefined && { bytesPerSecond }),
        ...(sessionMs !== undefined && { sessionMs }),
      },
    });
  } catch (error) {
    throw new CliError("failure", reasonNotStarted(options, error), { cause: error });
  }
}

function reasonNotStarted(options: SandboxCommandOptions, error: unknown): string {
  if (error instanceof SandboxError) {
    return `a bucket of --bucket ${options.buckets.join(" --bucket ")} cannot be made: ${error.message}`;
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE" || code === "EACCES") {
    const why = code === "EACCES" ? "needs more privileges" : "is taken";
    return `port ${options.port} of 127.0.0.1 ${why}: choose another with --port, or leave it out`;
  }
  return `the sandbox cannot start: ${error instanceof Error ? error.message : String(error)}`;
}

function givenCredentials(environment: Environment): Credentials | undefined {
  const accessKeyId = environment["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = environment["AWS_SECRET_ACCESS_KEY"];
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
}

function inventCredentials(): Credentials {
  return {
    accessKeyId: `SANDBOX${randomBytes(6).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(24).toString("base64url"),
  };
}

function describeUse(
  sandbox: Sandbox,
  options: SandboxCommandOptions,
  credentials: Credentials | "environment",
): readonly string[] {
  const [bucket = ""] = options.buckets;
  const where = options.directory ?? "memory";
  const access = options.anonymous
    ? ["# anyone may use it: add --no-sign-request"]
    : credentials === "environment"
      ? ["# with the AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of this environment"]
      : [
          `export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}`,
          `export AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}`,
        ];
  return [
    `S3 endpoint at ${sandbox.url} (buckets: ${options.buckets.join(", ")}; objects in ${where})`,
    "",
    "To use it from another shell:",
    ...[...access, `export AWS_REGION=${sandbox.region}`].map((line) => `  ${line}`),
    `  export AWS_ENDPOINT_URL=${sandbox.url}`,
    `  mount-s3-ts s3://${bucket} DIRECTORY --force-path-style`,
    "",
    "Ctrl-C ends it.",
    "",
  ];
}
