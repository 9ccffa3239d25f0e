/** fio on a mount over MinIO: what it wrote is read back in every way and verified block by block. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { succeed } from "../rigs/child.ts";
import { MinioMount } from "../rigs/minio-mount.ts";

let mount: MinioMount;

beforeAll(async () => {
  mount = await MinioMount.start();
});

afterAll(async () => {
  await mount.close();
});

/** Every block that fio writes holds its own offset and checksum. */
const COMMON = [
  "--name=verified",
  "--verify=crc32c",
  "--verify_fatal=1",
  "--fallocate=none",
  // Else fio makes every file first, empty, and opens it a second time to write it.
  "--create_on_open=1",
  "--output-format=json",
  "--size=32m",
  "--bs=64k",
];

async function fio(args: readonly string[]): Promise<void> {
  const output = await succeed("fio", [...COMMON, `--directory=${mount.directory}`, ...args], {
    cwd: mount.scratch.directory,
  });
  const report = JSON.parse(output) as { readonly jobs: readonly { readonly error: number }[] };
  expect(report.jobs.map(({ error }) => error)).toEqual(report.jobs.map(() => 0));
}

test("what fio writes in order is in the bucket, and verifies when read in order", async () => {
  await fio([
    "--rw=write",
    "--ioengine=psync",
    "--do_verify=0",
    "--fsync_on_close=1",
    "--numjobs=4",
  ]);
  expect(await mount.bucket.keys()).toHaveLength(4);
  await fio(["--rw=read", "--ioengine=psync", "--numjobs=4"]);
});

test.each([
  ["at random", ["--rw=randread", "--ioengine=psync"]],
  ["at random past the page cache", ["--rw=randread", "--ioengine=psync", "--direct=1"]],
  ["in order past the page cache", ["--rw=read", "--ioengine=psync", "--direct=1"]],
  ["by several jobs at once", ["--rw=randread", "--ioengine=psync", "--numjobs=4"]],
  ["many at a time", ["--rw=randread", "--ioengine=libaio", "--iodepth=16", "--direct=1"]],
  ["through a memory map", ["--rw=randread", "--ioengine=mmap"]],
])(
  "it verifies when read %s",
  async (_, args) => {
    await fio(args);
  },
  60_000,
);
