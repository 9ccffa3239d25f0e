/**
 * `npm run demo`: mounts a bucket of an S3 endpoint on this machine and works in it, checking every
 * byte. Three processes take part, as in real use: the endpoint, the daemon of the mount, and this one,
 * which reads the mount but serves nothing. Whatever happens, nothing of it is left at the end.
 */

import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CliError } from "../error.ts";
import { mountAndList, readEverything, refuseRename, unmountAndCheck, writeFiles } from "./acts.ts";
import { BucketView } from "./bucket-view.ts";
import { type DataSet, makeDataSet } from "./data-set.ts";
import { MountChild } from "./mount-child.ts";
import { SandboxChild } from "./sandbox-child.ts";
import { Stage } from "./stage.ts";

const BUCKET = "demo-bucket";
const LOADS_AT_ONCE = 8;

/** Resolves with the exit status. */
export async function runDemo(environment: NodeJS.ProcessEnv): Promise<number> {
  const stage = new Stage(process.stdout, environment);
  const directory = mkdtempSync(join(tmpdir(), "mount-s3-ts-demo-"));
  const cleanUps: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
  const cleanUp = async (): Promise<void> => {
    while (cleanUps.length > 0) await cleanUps.pop()?.();
  };
  const interrupted = new Promise<never>((_, reject) => {
    const onSignal = (): void => reject(new CliError("failure", "interrupted"));
    process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  });
  try {
    const startMs = performance.now();
    await Promise.race([play(stage, { directory, environment, cleanUps }), interrupted]);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    stage.summary();
    stage.verified(stage.style(`everything is right, in ${seconds} s`, "green", "bold"));
    return 0;
  } catch (error) {
    stage.failed(stage.style(error instanceof Error ? error.message : String(error), "red"));
    return 1;
  } finally {
    await cleanUp();
  }
}

interface Play {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly cleanUps: (() => unknown)[];
}

async function play(stage: Stage, { directory, environment, cleanUps }: Play): Promise<void> {
  const credentials = {
    accessKeyId: `DEMO${randomBytes(8).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(24).toString("base64url"),
  };
  const childEnvironment = {
    ...withoutAws(environment),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: "us-east-1",
    DEMO_BUCKET: BUCKET,
  };
  stage.title("mount-s3-ts: a bucket as a directory, every byte verified");

  stage.act("An S3 endpoint on this machine");
  const sandbox = await SandboxChild.start(childEnvironment);
  cleanUps.push(() => sandbox.stop());
  stage.say(`${sandbox.url}, in a process of its own, with the bucket ${BUCKET}`);
  const view = new BucketView({ url: sandbox.url, bucket: BUCKET, ...credentials });
  cleanUps.push(() => view.close());

  const data = makeDataSet();
  await load(stage, view, data);

  const mountPoint = join(directory, "bucket");
  const logDirectory = join(directory, "log");
  mkdirSync(mountPoint);
  const mount = new MountChild(mountPoint, childEnvironment);
  cleanUps.push(() => mount.clear());
  const scene = { stage, bucket: BUCKET, view, sandbox, mount, mountPoint, logDirectory, data };
  await mountAndList(scene);
  await readEverything(scene);
  await writeFiles(scene);
  await refuseRename(scene);
  await unmountAndCheck(scene);
}

/** Fills the bucket with the SDK's uploader. */
async function load(stage: Stage, view: BucketView, data: DataSet): Promise<void> {
  const objects = [data.large, ...data.small];
  const wholeBytes = objects.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const wholeMib = wholeBytes / 1024 / 1024;
  stage.act(
    `Loading ${objects.length} objects, ${wholeMib.toFixed(0)} MiB, with @aws-sdk/lib-storage`,
  );
  const loadedBytes = new Map<string, number>();
  let sumBytes = 0;
  const startMs = performance.now();
  const { default: pLimit } = await import("p-limit");
  const limit = pLimit(LOADS_AT_ONCE);
  await limit.map(objects, ({ key, bytes }) =>
    view.load(key, bytes, (byteCount) => {
      sumBytes += byteCount - (loadedBytes.get(key) ?? 0);
      loadedBytes.set(key, byteCount);
      stage.progress(sumBytes / wholeBytes, `${(sumBytes / 1024 / 1024).toFixed(0)} MiB`);
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  stage.verified(`loaded in ${seconds.toFixed(1)} s`);
}

/** Nothing of the user's own account takes part. */
function withoutAws(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !/^AWS_|_proxy$/i.test(name));
  return Object.fromEntries(kept);
}
