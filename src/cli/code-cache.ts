/**
 * Runs a file of dist/program/ with what V8 made of it earlier: to compile half a megabyte of JavaScript
 * takes longer than all else that a mount does before it answers.
 *
 * Beside NAME.js there may be NAME.js.cache, which `scripts/cache-code.mjs` makes at the installation: a
 * header that says what it was made of, and V8's data. One that was made by another Node or of another
 * file, or that is damaged, is ignored; everything is as with it, and slower. V8 checks its data little
 * and can crash of what is damaged, so that the header has a checksum.
 */

import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";

const DIRECTORY = import.meta.dirname;
const requireFromDirectory = createRequire(import.meta.url);

/** What the data was made of and by, and the checksum of the data, as little-endian words. */
const HEADER_BYTES = 8;

/** Around a file, as Node has them around its own. */
const HEAD = Buffer.from("(function (exports, require, __filename, __dirname) { ");
const TAIL = Buffer.from("\n})");

interface Loaded {
  readonly path: string;
  readonly script: Script;
  /** What the header says first. */
  readonly origin: number;
  readonly exports: object;
}

const loaded = new Map<string, Loaded>();

/** Runs dist/program/NAME, unless it has run, and returns what it exports. */
export function load(name: string): object {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const path = join(DIRECTORY, name);
  const source = Buffer.concat([HEAD, readFileSync(path), TAIL]);
  const origin = originOf(source);
  const cachedData = readCache(path, origin);
  // Everything there is ASCII, and is decoded the fastest as what it is.
  const script = new Script(source.toString("latin1"), {
    filename: path,
    ...(cachedData && { cachedData }),
  });
  const exports = {};
  loaded.set(name, { path, script, origin, exports });
  script.runInThisContext()(exports, requireFrom, path, DIRECTORY);
  return exports;
}

/**
 * `require` for the files themselves, which require one another as ./NAME. The script of a cache has no
 * `import()`, so that this has one, too.
 */
const requireFrom = Object.assign(
  (specifier: string): unknown =>
    specifier.startsWith("./") ? load(specifier.slice(2)) : requireFromDirectory(specifier),
  { dynamicImport: (specifier: string): Promise<unknown> => import(specifier) },
);

/** Writes the caches of what has been loaded, with all functions that have been called. */
export function saveCaches(): void {
  for (const { path, script, origin } of loaded.values()) {
    const data = script.createCachedData();
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(origin, 0);
    header.writeUInt32LE(crc32(data), 4);
    const temporary = `${path}.cache.${process.pid}`;
    try {
      writeFileSync(temporary, Buffer.concat([header, data]));
      renameSync(temporary, `${path}.cache`);
    } finally {
      rmSync(temporary, { force: true });
    }
  }
}

function readCache(path: string, origin: number): Buffer | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(`${path}.cache`);
  } catch {
    return undefined;
  }
  if (bytes.length <= HEADER_BYTES || bytes.readUInt32LE(0) !== origin) return undefined;
  const data = bytes.subarray(HEADER_BYTES);
  return bytes.readUInt32LE(4) === crc32(data) ? data : undefined;
}

/** The same for the same source and the same Node. V8 compares its own version and options besides. */
function originOf(source: Buffer): number {
  const { arch, execPath, version } = process;
  return crc32(source, crc32(`${version} ${arch} ${statSync(execPath).size}`));
}
