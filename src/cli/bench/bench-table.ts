/** The command `mount-s3-ts bench`: its options, what they mean, and its help. */

import { parseBucket } from "../bucket-argument.ts";
import { parseCommandLine } from "../command-line.ts";
import { CliError } from "../error.ts";
import type { CommandPage } from "../guide/page.ts";
import { renderHelp } from "../help.ts";
import { MOUNT_TABLE } from "../mount-table.ts";
import type { OptionTable } from "../option.ts";
import { wholeNumber } from "../option-values.ts";

const USAGE = "mount-s3-ts bench BUCKET [options]";
const SIZE_MIB_DEFAULT = 256;

/** What a mount needs in order to find the bucket and to be as it will be used. */
const MOUNT_OPTIONS = {
  "endpoint-url": MOUNT_TABLE["endpoint-url"],
  "force-path-style": MOUNT_TABLE["force-path-style"],
  region: MOUNT_TABLE.region,
  "bucket-type": MOUNT_TABLE["bucket-type"],
  "requester-pays": MOUNT_TABLE["requester-pays"],
  "expected-bucket-owner": MOUNT_TABLE["expected-bucket-owner"],
  profile: MOUNT_TABLE.profile,
  "ca-bundle": MOUNT_TABLE["ca-bundle"],
  "part-size": MOUNT_TABLE["part-size"],
  "memory-target": MOUNT_TABLE["memory-target"],
  "maximum-throughput-gbps": MOUNT_TABLE["maximum-throughput-gbps"],
} as const satisfies OptionTable;

const BENCH_TABLE = {
  size: {
    group: "Benchmark",
    help: "MiB that are written and read in large files, twice each.",
    placeholder: "MIB",
    value: wholeNumber("MiB", 4, 1_000_000),
    default: String(SIZE_MIB_DEFAULT),
  },
  json: { group: "Benchmark", help: "Print one JSON object, for programs." },
  ...MOUNT_OPTIONS,
  help: { short: "h", group: "More", help: "Show this help." },
} as const satisfies OptionTable;

export const BENCH_PAGE: CommandPage = {
  name: "bench",
  summary: "Measure a mount of a bucket.",
  positionals: ["other"],
  table: BENCH_TABLE,
  help: {
    usage: USAGE,
    about:
      "Mounts the bucket, writes, lists, reads and removes files below a prefix of its own, and says how fast that was and whether it is what one may expect. It takes about a minute and leaves nothing behind; the requests and bytes cost what they always cost.",
    examples: [
      ["mount-s3-ts bench my-bucket", "Measure a bucket"],
      [
        "mount-s3-ts bench s3://my-bucket/scratch/ --size 2048",
        "Larger files, below a prefix of yours",
      ],
      ["mount-s3-ts bench my-bucket --json > bench.json", "Keep the figures"],
    ],
  },
};

export interface BenchOptions {
  readonly bucket: string;
  /** Whatever is done is done below it; "", or ending with a slash. */
  readonly prefix: string;
  readonly sizeMib: number;
  readonly json: boolean;
  /** Options for the mount, as words. */
  readonly mountArgs: readonly string[];
}

export type BenchCommand =
  | { readonly kind: "bench"; readonly options: BenchOptions }
  | { readonly kind: "help"; readonly text: string };

export function parseBenchCommand(args: readonly string[]): BenchCommand {
  const { positionals, values } = parseCommandLine(BENCH_TABLE, args, "mount-s3-ts bench --help");
  if (values.help) return { kind: "help", text: renderHelp(BENCH_TABLE, BENCH_PAGE.help) };
  const [argument, extra] = positionals;
  if (argument === undefined) {
    throw new CliError("usage", `no bucket to measure was given: write ${USAGE}`);
  }
  if (extra !== undefined) {
    throw new CliError(
      "usage",
      `"${extra}" is one word too many: write ${USAGE}, or to mount the bucket of that name, mount-s3-ts s3://bench DIRECTORY`,
    );
  }
  const mountArgs = Object.keys(MOUNT_OPTIONS).flatMap((name) => {
    const value: unknown = Reflect.get(values, name);
    if (value === undefined || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}`, String(value)];
  });
  return {
    kind: "bench",
    options: {
      ...parseBucket(argument, undefined),
      sizeMib: values.size ?? SIZE_MIB_DEFAULT,
      json: values.json,
      mountArgs,
    },
  };
}
