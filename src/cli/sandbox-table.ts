/** The command `mount-s3-ts sandbox`: its options, what they mean, and its help. */

import { resolve } from "node:path";
import { MIB } from "../base/sizes.ts";
import { parseCommandLine } from "./command-line.ts";
import { CliError } from "./error.ts";
import type { CommandPage } from "./guide/page.ts";
import { renderHelp } from "./help.ts";
import type { OptionTable } from "./option.ts";
import { text, wholeNumber } from "./option-values.ts";

const SANDBOX = "Sandbox";
const BEHAVIOUR = "Behaviour";
const MORE = "More";

const BUCKET_DEFAULT = "my-bucket";

const SANDBOX_TABLE = {
  port: {
    group: SANDBOX,
    help: "Port on 127.0.0.1 to listen on.",
    placeholder: "PORT",
    value: wholeNumber("", 0, 65_535),
    default: "one that is free",
  },
  bucket: {
    group: SANDBOX,
    help: "Bucket to begin with.",
    placeholder: "BUCKET",
    value: text,
    repeatable: true,
    default: BUCKET_DEFAULT,
  },
  directory: {
    group: SANDBOX,
    help: "Keep objects in this directory, which is created if it is missing.",
    placeholder: "DIR",
    value: text,
    names: "directory",
    default: "in memory",
  },
  anonymous: { group: SANDBOX, help: "Answer requests without checking their signature." },
  "latency-ms": {
    group: BEHAVIOUR,
    help: "Wait this long before each answer.",
    placeholder: "MS",
    value: wholeNumber("milliseconds", 0, 600_000),
    default: "0",
  },
  bandwidth: {
    group: BEHAVIOUR,
    help: "Send bodies no faster than this, in MiB per second.",
    placeholder: "MIB",
    value: wholeNumber("MiB per second", 1, 1_000_000),
    default: "unlimited",
  },
  "session-seconds": {
    group: BEHAVIOUR,
    help: "How long sessions of directory buckets last.",
    placeholder: "SECONDS",
    value: wholeNumber("seconds", 1, 300),
    default: "300",
  },
  discard: {
    group: BEHAVIOUR,
    help: "Forget the bytes of what is uploaded and keep only sizes and checksums.",
  },
  help: { short: "h", group: MORE, help: "Show this help." },
} as const satisfies OptionTable;

export const SANDBOX_PAGE: CommandPage = {
  name: "sandbox",
  summary: "Run an S3 endpoint on this machine.",
  positionals: [],
  table: SANDBOX_TABLE,
  help: {
    usage: "mount-s3-ts sandbox [options]",
    about:
      "Runs an S3 endpoint on this machine until Ctrl-C and prints how to use it. The access key is taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without them a new one is made up.",
    examples: [
      ["mount-s3-ts sandbox", "An endpoint in memory with one bucket, named my-bucket"],
      [
        "mount-s3-ts sandbox --port 9000 --bucket photos --bucket logs --directory ./data",
        "A fixed port, two buckets, objects kept on disk",
      ],
      ["mount-s3-ts sandbox --latency-ms 20 --bandwidth 100", "As slow as a bucket far away"],
      [
        "mount-s3-ts sandbox --bucket data--use1-az4--x-s3 --session-seconds 5",
        "A directory bucket of S3 Express One Zone, whose sessions end soon",
      ],
    ],
  },
};

/** What `mount-s3-ts sandbox` was asked to run. */
export interface SandboxCommandOptions {
  /** 0 for a free one. */
  readonly port: number;
  readonly buckets: readonly string[];
  readonly directory: string | undefined;
  readonly anonymous: boolean;
  readonly latencyMs: number;
  readonly bytesPerSecond: number | undefined;
  /** Of directory buckets. */
  readonly sessionMs: number | undefined;
  readonly discard: boolean;
}

export type SandboxCommand =
  | { readonly kind: "sandbox"; readonly options: SandboxCommandOptions }
  | { readonly kind: "help"; readonly text: string };

export function parseSandboxCommand(
  args: readonly string[],
  workingDirectory: string,
): SandboxCommand {
  const { positionals, values } = parseCommandLine(
    SANDBOX_TABLE,
    args,
    "mount-s3-ts sandbox --help",
  );
  if (values.help) return { kind: "help", text: renderHelp(SANDBOX_TABLE, SANDBOX_PAGE.help) };
  if (positionals.length > 0) {
    throw new CliError(
      "usage",
      `the command "sandbox" takes no "${positionals.join(" ")}"; to mount the bucket of that name, write mount-s3-ts s3://sandbox DIRECTORY`,
    );
  }
  const { bandwidth, directory, "session-seconds": sessionSeconds } = values;
  return {
    kind: "sandbox",
    options: {
      port: values.port ?? 0,
      buckets: values.bucket.length > 0 ? values.bucket : [BUCKET_DEFAULT],
      directory: directory && resolve(workingDirectory, directory),
      anonymous: values.anonymous,
      latencyMs: values["latency-ms"] ?? 0,
      bytesPerSecond: bandwidth && bandwidth * MIB,
      sessionMs: sessionSeconds && sessionSeconds * 1000,
      discard: values.discard,
    },
  };
}
