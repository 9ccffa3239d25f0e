/**
 * More files being written at once than the smallest memory has parts for: mount-s3 refuses the 48th.
 * The server's own checksum of each object, CRC-64/NVME of all its bytes, tells whether it is whole.
 */

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addon } from "../../src/native/index.ts";
import { run } from "../rigs/child.ts";
import { Weather } from "./weather.ts";

const PROGRAM = fileURLToPath(new URL("./many-writers.mjs", import.meta.url));
const CHUNK_BYTES = 1024 * 1024;
const TIMEOUT_MS = 120_000;

/** As the program makes them. */
const BYTES = Buffer.alloc(2 * CHUNK_BYTES);
for (let at = 0; at < BYTES.length; at += 4)
  BYTES.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);

function checksumOf(file: number, chunks: number): string {
  let crc = 0n;
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const from = (file * 4099 + chunk * 131) % CHUNK_BYTES;
    crc = addon().crc64nvme(BYTES.subarray(from, from + CHUNK_BYTES), crc);
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(crc);
  return bytes.toString("base64");
}

let weather: Weather;

beforeAll(async () => {
  weather = await Weather.start({ args: ["--memory-target=512", "--upload-checksums=crc64nvme"] });
  await weather.sandbox.turn({ firstByteMs: 20 });
});

afterAll(async () => {
  await weather.close();
});

test.each([
  ["120 files of 6 MiB, each by its own thread", "together", 120, 6],
  ["70 files of 7 MiB, a mebibyte in turn, by one thread", "in-turn", 70, 7],
  ["240 files of 2 MiB, a mebibyte in turn, by one thread", "in-turn", 240, 2],
] as const)(
  "%s, are stored whole",
  async (_, way, files, chunks) => {
    const directory = `${way}-${files}`;
    await weather.tree.mkdir(directory);
    const args = [PROGRAM, way, weather.path(directory), String(files), String(chunks)];
    const env = { ...process.env, UV_THREADPOOL_SIZE: String(files) };
    const { code, stderr } = await run(process.execPath, args, { env, timeoutMs: TIMEOUT_MS });
    expect([code, stderr]).toEqual([0, ""]);
    for (let file = 0; file < files; file += 1) {
      const { ChecksumCRC64NVME, ContentLength } = await weather.bucket.describe(
        `${directory}/file-${file}`,
      );
      expect([file, ContentLength, ChecksumCRC64NVME]).toEqual([
        file,
        chunks * CHUNK_BYTES,
        checksumOf(file, chunks),
      ]);
    }
  },
  TIMEOUT_MS,
);
