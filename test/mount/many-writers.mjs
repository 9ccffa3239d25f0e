/**
 * Writes many files at once, from a process of its own: `together`, each by a thread that waits as long
 * as it must, or `in-turn`, a mebibyte to each before any gets its next. Ends with the number of files
 * that could not be written; says which and why.
 */

import { closeSync, openSync, promises, writeSync } from "node:fs";
import { join } from "node:path";

const [way = "", directory = "", fileCount = "0", chunkCount = "0"] = process.argv.slice(2);
const CHUNK_BYTES = 1024 * 1024;

/** Two mebibytes of which every file and chunk takes one that begins elsewhere. */
const bytes = Buffer.alloc(2 * CHUNK_BYTES);
for (let at = 0; at < bytes.length; at += 4)
  bytes.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);

function chunkOf(file, chunk) {
  const from = (file * 4099 + chunk * 131) % CHUNK_BYTES;
  return bytes.subarray(from, from + CHUNK_BYTES);
}

const paths = Array.from({ length: Number(fileCount) }, (_, i) => join(directory, `file-${i}`));

async function writeOne(handle, file) {
  try {
    for (let i = 0; i < Number(chunkCount); i += 1) {
      await handle.write(chunkOf(file, i), 0, CHUNK_BYTES, i * CHUNK_BYTES);
    }
  } finally {
    await handle.close();
  }
}

async function writeTogether() {
  const handles = await Promise.all(paths.map((path) => promises.open(path, "wx")));
  const outcomes = await Promise.allSettled(handles.map(writeOne));
  for (const [i, { reason }] of outcomes.entries()) {
    if (reason !== undefined) process.stderr.write(`${paths[i]}: ${reason.message}\n`);
  }
  process.exitCode = outcomes.filter(({ status }) => status === "rejected").length;
}

function writeInTurn() {
  const fds = paths.map((path) => openSync(path, "wx"));
  for (let i = 0; i < Number(chunkCount); i += 1) {
    for (const [file, fd] of fds.entries()) writeSync(fd, chunkOf(file, i));
  }
  for (const fd of fds) closeSync(fd);
}

if (way === "in-turn") writeInTurn();
else await writeTogether();
