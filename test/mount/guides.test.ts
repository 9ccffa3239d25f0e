/**
 * What people have written about mount-s3 on Kubernetes, followed step by step with this program: one
 * section for each document, as far as it goes without a cluster. test/container/ has the pod itself.
 */

import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { BucketView, clientOf } from "../rigs/bucket-view.ts";
import { run, succeed } from "../rigs/child.ts";
import { MinioProcess } from "../rigs/minio-process.ts";
import { environmentFor } from "../rigs/mount-process.ts";
import { commandLine } from "../rigs/paths.ts";
import { Scratch } from "../rigs/scratch.ts";

const BUCKET = "platform-us-west-2-dev-triton-model-repo";

let scratch: Scratch;
/** The server's, which lives longer than the mounts. */
let ground: Scratch;
let minio: MinioProcess;
let bucket: BucketView;

beforeAll(async () => {
  scratch = new Scratch();
  // Users other than its owner reach the mounts below it.
  chmodSync(scratch.directory, 0o711);
  ground = new Scratch();
  minio = await MinioProcess.start(ground);
  bucket = new BucketView(clientOf(minio.endpoint), BUCKET);
  await bucket.create();
});

afterEach(async () => {
  for (const directory of scratch.mounts()) await succeed("umount", [directory]);
  await expect.poll(() => scratch.processes()).toEqual([]);
});

afterAll(async () => {
  await minio.stop();
  await ground.close();
  await scratch.close();
});

/** The endpoint is the only thing that no document names. */
const environment = (): NodeJS.ProcessEnv => ({
  ...environmentFor(minio.endpoint),
  AWS_ENDPOINT_URL_S3: minio.endpoint.url,
});

/** Mounts a PersistentVolume as a CSI driver does: a directory for the pods. */
async function publish(mountOptions: readonly string[], readOnly = false): Promise<string> {
  const directory = scratch.makeDirectory("target");
  const behind = mountOptions.flatMap((option) => ["-o", option]);
  const args = [...behind, ...(readOnly ? ["--read-only"] : [])];
  await succeed(process.execPath, [commandLine, BUCKET, directory, ...args], {
    env: environment(),
  });
  return directory;
}

// Two translations of one page: Terraform, a volume, a claim, two pods.
describe.each([
  ["in Korean", "ap-northeast-2"],
  ["in Chinese", "ap-southeast-1"],
])("Mountpoint-S3 for data on EKS, %s", (_language, region) => {
  const volume = ["uid=1000", "gid=2000", "allow-other", "allow-delete", `region ${region}`];

  test("files belong to user 1000 and group 2000, and other users read them", async () => {
    await bucket.put("datasets/train.csv", "1,2,3");
    const directory = await publish(volume);
    const { uid, gid } = statSync(join(directory, "datasets/train.csv"));
    expect({ uid, gid }).toEqual({ uid: 1000, gid: 2000 });
    if (process.getuid?.() !== 0) return;
    const read = await run("cat", [join(directory, "datasets/train.csv")], {
      uid: 4242,
      gid: 4242,
    });
    expect(read).toMatchObject({ code: 0, stdout: "1,2,3" });
  });

  test("one pod reads what another writes, and files can be deleted", async () => {
    const [first, second] = [await publish(volume), await publish(volume)];
    await writeFile(join(first, "result"), "from a pod");
    expect(await readFile(join(second, "result"), "utf8")).toBe("from a pod");
    await unlink(join(second, "result"));
    expect(await bucket.get("result")).toBeUndefined();
  });

  test("a claim that is ReadOnlyMany cannot be written", async () => {
    const directory = await publish(volume, true);
    await expect(writeFile(join(directory, "new"), "x")).rejects.toMatchObject({ code: "EROFS" });
  });

  test("files cannot be renamed, which is why it is not for the shuffle of Spark", async () => {
    const directory = await publish(["uid=1000", "gid=2000", `region ${region}`]);
    await writeFile(join(directory, "shuffle"), "x");
    const renaming = rename(join(directory, "shuffle"), join(directory, "done"));
    await expect(renaming).rejects.toMatchObject({ code: "ENOSYS" });
    await bucket.delete("shuffle");
  });
});

describe("mounting S3 in a pod, a notebook in Korean", () => {
  test("the entrypoint mounts the models and starts the program, which sees them", async () => {
    await bucket.put("stable-diffusion/unet", "weights");
    const model = scratch.makeDirectory("model");
    const program = join(scratch.directory, "main.sh");
    await writeFile(program, `exec cat ${model}/stable-diffusion/unet\n`);
    const script = `"$0" "$1" --region us-west-2 ${BUCKET} ${model}/\nsh ${program}`;
    const words = ["-c", script, process.execPath, commandLine];
    const finished = await run("/bin/sh", words, { env: environment() });
    expect(finished).toMatchObject({ code: 0, stderr: "" });
    expect(finished.stdout).toBe(`bucket ${BUCKET} is mounted at ${model}\nweights`);
    expect(await readFile(join(model, "stable-diffusion/unet"), "utf8")).toBe("weights");
  });
});

describe("static provisioning, a report in Japanese", () => {
  test("the pod's echo makes an object of 26 bytes whose name is the date", async () => {
    const directory = await publish(["allow-delete", "region ap-northeast-1"]);
    const script = `echo 'Hello from the container!' >> ${directory}/$(date -u).txt`;
    // The document's shell does not split the name of a redirection, as POSIX has it.
    await succeed("/bin/sh", ["-c", script], { env: environment() });
    const [name = "", ...others] = readdirSync(directory).filter((each) => each.endsWith(".txt"));
    expect(others).toEqual([]);
    expect(name).toMatch(/^\w+ .* \d\d:\d\d:\d\d .*\.txt$/);
    expect((await bucket.get(name))?.length).toBe(26);
    await unlink(join(directory, name));
  });

  test("deleting the pod and the volume leaves no mount and no process", async () => {
    const directory = await publish(["allow-delete", "region ap-northeast-1"]);
    await succeed("umount", [directory]);
    expect(scratch.mounts()).toEqual([]);
  });
});

describe("EKS with AWS storage, a primer in Korean", () => {
  test("files are shared by pods on several nodes and outlive them all", async () => {
    const nodes = [await publish(["allow-delete"]), await publish(["allow-delete"])] as const;
    mkdirSync(join(nodes[0], "dags"));
    await writeFile(join(nodes[0], "dags/daily.py"), "print(1)");
    expect(await readFile(join(nodes[1], "dags/daily.py"), "utf8")).toBe("print(1)");
    for (const directory of nodes) await succeed("umount", [directory]);
    const later = await publish(["allow-delete"]);
    expect(await readFile(join(later, "dags/daily.py"), "utf8")).toBe("print(1)");
  });
});
