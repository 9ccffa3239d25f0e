/** What the command line of the benchmark asks for. */

import yargs from "yargs";
import type { RecordedSettings } from "./result.ts";
import { SERVER_NAMES } from "./servers/catalogue.ts";

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

/** Start-up does not count here, so that yargs does the work. */
export function parseArguments(args: readonly string[]) {
  return yargs([...args])
    .scriptName("npm run bench --")
    .usage(
      "$0 [options]\n\nMeasures mount-s3-ts beside mount-s3, goofys, geesefs, rclone and s3fs.",
    )
    .options({
      jobs: { type: "string", describe: "only these jobs, comma-separated, or names of sets" },
      quick: { type: "boolean", describe: "the set quick, with small amounts" },
      published: { type: "boolean", describe: "the fio jobs that mount-s3 publishes figures for" },
      curves: { type: "boolean", describe: "how the cost grows, with ours alone" },
      soak: { type: "number", describe: "the job soak with ours alone, for so many minutes" },
      sizes: { choices: ["full", "quick", "tiny"] as const, describe: "how much a job does" },
      seconds: { type: "number", describe: "how long jobs run that run for a time" },
      contenders: { type: "string", describe: "only these contenders, comma-separated" },
      dir: { type: "string", describe: "folder to look for contenders in, before the path" },
      limit: {
        type: "boolean",
        describe: "show what two programs in C reach, joined on paper",
        defaultDescription: "unless contenders are named",
      },
      "keep-caches": {
        type: "boolean",
        default: false,
        describe: "leave the machine's caches alone: somebody else uses it",
      },
      rounds: {
        type: "number",
        describe: "interleaved rounds",
        defaultDescription: "3, with --soak 1",
      },
      seed: { type: "number", default: 1, describe: "decides the order of contenders" },
      baseline: {
        type: "string",
        describe: "what the ratios refer to",
        defaultDescription: "mount-s3 where it takes part, else mount-s3-ts",
      },
      server: { choices: SERVER_NAMES, describe: "run all jobs against this server" },
      delay: { type: "number", describe: "milliseconds before each request arrives" },
      bandwidth: { type: "number", describe: "MiB per second of each connection, at most" },
      bucket: { type: "string", describe: "a bucket that exists; a scratch prefix is used" },
      "endpoint-url": { type: "string", describe: "where that bucket is, if not on Amazon S3" },
      region: {
        type: "string",
        describe: "region of that bucket",
        default: process.env["AWS_REGION"] ?? "us-east-1",
      },
      out: { type: "string", describe: "file for the result, beside which the page is written" },
      resume: { type: "string", describe: "go on with the run that left this file" },
      compare: { type: "array", string: true, describe: "two results: show what changed" },
      report: { type: "string", describe: "show this result again, and write its page" },
      publish: {
        type: "boolean",
        default: false,
        describe: "with --report: put the table into docs/PERFORMANCE.md",
      },
      "publish-scaling": {
        type: "boolean",
        default: false,
        describe: "with --report: put curves, costs and soak into docs/SCALING.md",
      },
      list: { type: "boolean", default: false, describe: "list jobs and contenders, and end" },
    })
    .example("$0", "everything, with whatever is found")
    .example("$0 --quick", "a look that takes some minutes")
    .example("$0 --jobs seq-read,rand-4k-1 --contenders mount-s3-ts,mount-s3 --rounds 5", "")
    .example("$0 --bucket my-bucket --region eu-west-1 --quick", "on Amazon S3")
    .example("$0 --compare before.json after.json", "what changed")
    .check(({ bucket, compare, rounds, server, soak, "endpoint-url": url }) => {
      if (soak !== undefined && !(soak > 0)) {
        throw new UsageError(`--soak ${soak} is not a number of minutes`);
      }
      if (rounds !== undefined && (!Number.isInteger(rounds) || rounds < 1)) {
        throw new UsageError(`--rounds ${rounds} is not a whole number from 1`);
      }
      if (compare !== undefined && compare.length !== 2) {
        throw new UsageError(`--compare takes two results, but got ${compare.length}`);
      }
      if (bucket === undefined && (server === "given" || url !== undefined)) {
        throw new UsageError("no bucket was given: name one with --bucket");
      }
      return true;
    })
    .strict()
    .fail((message, error) => {
      throw error ?? new UsageError(`${message}: see npm run bench -- --help`);
    })
    .parseAsync();
}

export type Arguments = Awaited<ReturnType<typeof parseArguments>>;

/** What a new run is recorded with; names are checked where they are looked up. */
export function settingsOf(
  given: Arguments,
  contenders: readonly string[],
): Omit<RecordedSettings, "jobs" | "baseline"> {
  const { bandwidth, bucket, delay, region, seconds, seed, server, soak } = given;
  return {
    ...{ contenders, seed, seconds, bucket, region },
    rounds: given.rounds ?? (soak === undefined ? 3 : 1),
    soakMinutes: soak,
    sizes: given.sizes ?? (given.quick ? "quick" : "full"),
    server: server ?? (bucket === undefined ? undefined : "given"),
    delayMs: delay,
    mibPerSecond: bandwidth,
    url: given["endpoint-url"],
  };
}
