/** The acts of the demo on the mount. Each shows something and throws when it is not as it should be. */

import { createHash } from "node:crypto";
import { constants, readdirSync, readFileSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KIB, MIB } from "../../base/sizes.ts";
import { CliError } from "../error.ts";
import { sha256 } from "./bucket-view.ts";
import { type SourceObject, sourceObject } from "./data-set.ts";
import { runProgram } from "./mount-child.ts";
import type { AnsweredRequest } from "./sandbox-process.ts";
import type { DemoScene } from "./scene.ts";

const READ_BYTES = MIB;
const RANDOM_READS = 200;
const RANDOM_READ_BYTES = 64 * KIB;
const NEW_FILE_BYTES = 96 * MIB;
const LOG_TIMEOUT_MS = 2000;
/** The parts of an upload that are drawn. */
const DRAWN_PARTS_MAX = 12;

export async function mountAndList(scene: DemoScene): Promise<void> {
  const { stage, mount, sandbox, mountPoint, bucket, data } = scene;
  stage.act("Mounting");
  const args = ["--endpoint-url", sandbox.url, "--force-path-style", "--allow-delete"];
  args.push("--allow-overwrite", "--log-directory", scene.logDirectory);
  stage.command(`mount-s3-ts ${bucket} ${mountPoint} ${args.join(" ")}`);
  const mounted = await timed(() => mount.mount([bucket, mountPoint, ...args]));
  stage.verified(`${mounted.value}, ${mounted.ms.toFixed(0)} ms after the command`);
  stage.figure({ label: "command to mounted", value: mounted.ms, unit: "ms" });

  stage.act("Listing");
  const listed = await timed(() => readdir(mountPoint, { recursive: true, withFileTypes: true }));
  const names = new Set(
    listed.value
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(mountPoint.length + 1)),
  );
  const expected = [data.large, ...data.small];
  check(
    names.size === expected.length && expected.every(({ key }) => names.has(key)),
    `the listing has ${names.size} files, not the ${expected.length} that were loaded`,
  );
  for (const { key, bytes } of expected) {
    const { size } = await stat(join(mountPoint, key));
    check(size === bytes.byteLength, `${key} has ${size} bytes, not ${bytes.byteLength}`);
  }
  stage.verified(`${names.size} files with their sizes, listed in ${listed.ms.toFixed(0)} ms`);
  stage.figure({ label: "recursive listing", value: listed.ms, unit: "ms" });
}

export async function readEverything(scene: DemoScene): Promise<void> {
  const { stage, mountPoint, data } = scene;
  const { large, small } = data;
  stage.act("Reading");
  const path = join(mountPoint, large.key);
  const wholeBytes = large.bytes.byteLength;
  const cold = await timed(() =>
    readThrough(path, (_bytes, byteCount) => {
      stage.progress(byteCount / wholeBytes, `${(byteCount / MIB).toFixed(0)} MiB`);
    }),
  );
  const speed = mibPerSecond(wholeBytes, cold.ms);
  stage.verified(
    `${large.key}: ${wholeBytes / MIB} MiB in sequence at ${stage.style(`${speed.toFixed(0)} MiB/s`, "bold")}`,
  );
  stage.figure({ label: "sequential read", value: speed, unit: "MiB/s" });

  const hash = createHash("sha256");
  await readThrough(path, (bytes) => hash.update(bytes));
  check(hash.digest("hex") === large.sha256, `${large.key} differs from what was loaded`);
  stage.verified(`sha256 ${large.sha256.slice(0, 16)}… is that of the source`);

  const random = await timed(() => readAtRandom(path, large));
  const perSecond = RANDOM_READS / (random.ms / 1000);
  stage.verified(
    `${RANDOM_READS} reads of 64 KiB anywhere, ${perSecond.toFixed(0)} a second, all right`,
  );
  stage.figure({ label: "random reads, 64 KiB", value: perSecond, unit: "reads/s" });

  const files = await timed(async () => {
    await Promise.all(
      small.map(async ({ key, sha256: expected }) => {
        check(sha256(await readFile(join(mountPoint, key))) === expected, `${key} differs`);
      }),
    );
  });
  const filesPerSecond = small.length / (files.ms / 1000);
  stage.verified(
    `${small.length} small files, ${filesPerSecond.toFixed(0)} a second, each sha256 right`,
  );
  stage.figure({ label: "small files read", value: filesPerSecond, unit: "files/s" });
}

export async function writeFiles(scene: DemoScene): Promise<void> {
  const { stage, mountPoint, sandbox } = scene;
  stage.act("Writing a large file: its parts go up while it is written");
  const film = sourceObject("films/new.bin", NEW_FILE_BYTES);
  await sandbox.takeRequests();
  const written = await timed(() => writeThrough(join(mountPoint, film.key), film.bytes));
  const { requests } = await sandbox.takeRequests();
  drawParts(scene, requests);
  await checkStored(scene, film);
  const speed = mibPerSecond(NEW_FILE_BYTES, written.ms);
  stage.verified(
    `${NEW_FILE_BYTES / MIB} MiB written and closed at ${speed.toFixed(0)} MiB/s; the object's sha256 is right`,
  );
  stage.figure({ label: "sequential write", value: speed, unit: "MiB/s" });

  stage.act("Writing, replacing and deleting a small file");
  const note = join(mountPoint, "note.txt");
  await writeFile(note, "one");
  await checkText(scene, "note.txt", "one");
  const { requests: noteRequests } = await sandbox.takeRequests();
  const uploads = noteRequests.filter(({ operation }) => /Put|Upload/.test(operation));
  stage.verified(`written with ${uploads.map(({ operation }) => operation).join(", ")}`);
  await writeFile(note, "another text");
  await checkText(scene, "note.txt", "another text");
  check((await readFile(note, "utf8")) === "another text", "note.txt reads as it was before");
  stage.verified("replaced, and read back");
  await rm(note);
  check((await scene.view.digest("note.txt")) === undefined, "note.txt is still in the bucket");
  stage.verified("deleted, and gone from the bucket");
}

export async function refuseRename(scene: DemoScene): Promise<void> {
  const { stage, mountPoint, sandbox } = scene;
  stage.act("Renaming: a bucket cannot, so nothing pretends to");
  const from = join(mountPoint, "films/new.bin");
  const to = join(mountPoint, "films/renamed.bin");
  await stat(from);
  await sandbox.takeRequests();
  const refusal = await rename(from, to).then(
    () => undefined,
    (error: unknown) => error,
  );
  check(
    refusal instanceof Error && "code" in refusal && refusal.code === "EXDEV",
    "rename(2) was not refused with EXDEV",
  );
  const { requests } = await sandbox.takeRequests();
  const changing = requests.filter(({ operation }) => !/^(?:Head|List|Get)/.test(operation));
  check(changing.length === 0, `rename(2) sent ${changing.map(({ operation }) => operation)}`);
  stage.verified("rename(2) is refused with EXDEV, without a request that changes anything");
  const reason = await untilLogged(scene.logDirectory, / rename of /);
  stage.verified(`and the log says why: ${stage.style(reason, "dim")}`);

  stage.command("mv films/new.bin films/renamed.bin");
  const mv = await runProgram("mv", [from, to], process.env);
  check(mv.status === 0, `mv failed: ${mv.stderr.trim()}`);
  const moved = await scene.view.digest("films/renamed.bin");
  check(moved?.sizeBytes === NEW_FILE_BYTES, "the moved file is not whole");
  check((await scene.view.digest("films/new.bin")) === undefined, "the old name is still there");
  stage.verified("mv copies and deletes instead, as between any two file systems");
}

export async function unmountAndCheck(scene: DemoScene): Promise<void> {
  const { stage, mount, mountPoint, sandbox } = scene;
  stage.act("Unmounting");
  stage.command(`${process.getuid?.() === 0 ? "umount" : "fusermount3 -u"} ${mountPoint}`);
  await mount.unmount();
  check(!mount.mounted, `${mountPoint} is still mounted`);
  check(mount.daemons().length === 0, "the mount process still runs");
  const { unfinished } = await sandbox.takeRequests();
  check(unfinished.length === 0, `uploads were left unfinished: ${unfinished.join(", ")}`);
  check(readdirSync(mountPoint).length === 0, `${mountPoint} is not empty`);
  stage.verified("no mount, no process and no unfinished upload is left");
}

/** Draws when each part was under way, after `requests` of one upload. */
function drawParts({ stage }: DemoScene, requests: readonly AnsweredRequest[]): void {
  const parts = requests.filter(({ operation }) => operation === "UploadPart");
  check(parts.length > 1, "the file was not uploaded in parts");
  const firstMs = Math.min(...parts.map(({ startMs }) => startMs));
  const wholeMs = Math.max(...parts.map(({ endMs }) => endMs)) - firstMs;
  const byNumber = parts.toSorted((one, other) => partNumber(one) - partNumber(other));
  for (const part of byNumber.slice(0, DRAWN_PARTS_MAX)) {
    const label = `part ${partNumber(part)}, ${(part.bytesReceived / MIB).toFixed(1)} MiB`;
    stage.span(label, { startMs: part.startMs - firstMs, endMs: part.endMs - firstMs, wholeMs });
  }
  if (parts.length > DRAWN_PARTS_MAX) stage.say(`  and ${parts.length - DRAWN_PARTS_MAX} more`);
}

function partNumber({ query }: AnsweredRequest): number {
  return Number(new URLSearchParams(query).get("partNumber"));
}

async function readThrough(
  path: string,
  onBytes: (bytes: Uint8Array, byteCount: number) => void,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const file = await open(path);
  try {
    for (let byteCount = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null);
      if (bytesRead === 0) return;
      byteCount += bytesRead;
      onBytes(buffer.subarray(0, bytesRead), byteCount);
    }
  } finally {
    await file.close();
  }
}

async function readAtRandom(path: string, { key, bytes }: SourceObject): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(RANDOM_READ_BYTES);
  // Past the page cache, which holds the file by now.
  const file = await open(path, constants.O_RDONLY | constants.O_DIRECT);
  try {
    for (let count = 0; count < RANDOM_READS; count++) {
      const offset = Math.floor(Math.random() * (bytes.byteLength - RANDOM_READ_BYTES));
      const { bytesRead } = await file.read(buffer, 0, RANDOM_READ_BYTES, offset);
      const expected = bytes.subarray(offset, offset + RANDOM_READ_BYTES);
      check(buffer.subarray(0, bytesRead).equals(expected), `${key} differs at offset ${offset}`);
    }
  } finally {
    await file.close();
  }
}

async function writeThrough(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, "wx");
  try {
    for (let offset = 0; offset < bytes.byteLength; offset += READ_BYTES) {
      await file.write(bytes, offset, Math.min(READ_BYTES, bytes.byteLength - offset), null);
    }
  } finally {
    await file.close();
  }
}

async function checkStored({ view }: DemoScene, source: SourceObject): Promise<void> {
  const stored = await view.digest(source.key);
  check(stored?.sha256 === source.sha256, `the object ${source.key} differs from what was written`);
}

async function checkText({ view }: DemoScene, key: string, text: string): Promise<void> {
  const stored = await view.digest(key);
  check(
    stored?.sha256 === sha256(Buffer.from(text)),
    `the object ${key} differs from what was written`,
  );
}

/** The line of the log that matches; the daemon writes it when it has time. */
async function untilLogged(directory: string, pattern: RegExp): Promise<string> {
  const deadlineMs = performance.now() + LOG_TIMEOUT_MS;
  for (;;) {
    const lines = readdirSync(directory).flatMap((name) =>
      readFileSync(join(directory, name), "utf8").split("\n"),
    );
    const found = lines.find((line) => pattern.test(line));
    if (found !== undefined) return found;
    check(performance.now() < deadlineMs, `the log has no line with ${pattern.source}`);
    await sleep(20);
  }
}

function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new CliError("failure", otherwise);
}

async function timed<Value>(work: () => Promise<Value>): Promise<{ value: Value; ms: number }> {
  const startMs = performance.now();
  const value = await work();
  return { value, ms: performance.now() - startMs };
}

function mibPerSecond(byteCount: number, milliseconds: number): number {
  return byteCount / MIB / (milliseconds / 1000);
}
