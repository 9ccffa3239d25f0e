/** How the programs start: joined files, and what V8 made of them earlier, if that is good for anything. */

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { run, succeed } from "../rigs/child.ts";
import { commandLine } from "../rigs/paths.ts";
import { Scratch } from "../rigs/scratch.ts";

const node = process.execPath;
const scratch = new Scratch();
afterAll(() => scratch.close());

const HEADER_BYTES = 8;
/** Two programs of the same length. */
const FIRST = 'console.log("one", [1, 2, 3].map((value) => value + 1).join());';
const SECOND = FIRST.replace("one", "two");

/** A directory in which the program runs `source` in the place of all its own. */
function programOf(source: string): string {
  const directory = scratch.makeDirectory("program");
  for (const name of ["main.js", "package.json"]) {
    copyFileSync(join(dirname(commandLine), name), join(directory, name));
  }
  writeFileSync(join(directory, "command.js"), source);
  return directory;
}

const cacheOf = (directory: string): string => join(directory, "command.js.cache");

async function runProgram(directory: string, flags: readonly string[] = []): Promise<string> {
  return succeed(node, [...flags, join(directory, "main.js")]);
}

/** As at the installation. */
async function cache(directory: string): Promise<string> {
  const main = JSON.stringify(join(directory, "main.js"));
  await succeed(node, ["-e", `process.on("exit", require(${main}).saveCaches)`]);
  return cacheOf(directory);
}

describe("a program", () => {
  test("does the same without a cache, with one, and with options of V8 that refuse it", async () => {
    const program = programOf(FIRST);
    const said = await runProgram(program);
    expect(said).toBe("one 2,3,4\n");
    await cache(program);
    expect(await runProgram(program)).toBe(said);
    expect(await runProgram(program, ["--no-flush-bytecode"])).toBe(said);
  });

  test("runs what is cached, which need not be compiled again", async () => {
    const first = readFileSync(await cache(programOf(FIRST)));
    const program = programOf(SECOND);
    const path = await cache(program);
    // What V8 made of the first one, under the name of the second.
    const origin = readFileSync(path).subarray(0, 4);
    writeFileSync(path, Buffer.concat([origin, first.subarray(4)]));
    expect(await runProgram(program)).toBe("one 2,3,4\n");
  });

  test("ignores what was made of another file", async () => {
    const program = programOf(FIRST);
    await cache(program);
    writeFileSync(join(program, "command.js"), SECOND);
    expect(await runProgram(program)).toBe("two 2,3,4\n");
  });

  test.each([
    ["a byte is another", (bytes: Buffer) => bytes.fill(bytes[300] === 0 ? 1 : 0, 300, 301)],
    ["its end is missing", (bytes: Buffer) => bytes.subarray(0, -8)],
    ["it is shorter than its header", (bytes: Buffer) => bytes.subarray(0, HEADER_BYTES - 1)],
    ["it is empty", () => Buffer.alloc(0)],
    ["nothing follows the header", (bytes: Buffer) => withoutData(bytes)],
  ])("ignores a cache of which %s", async (_, damage) => {
    const program = programOf(FIRST);
    const path = await cache(program);
    writeFileSync(path, damage(readFileSync(path)));
    expect(await run(node, [join(program, "main.js")])).toMatchObject({
      code: 0,
      stdout: "one 2,3,4\n",
      stderr: "",
    });
  });
});

/** Has Node tell of each cache whether V8 has rejected it. */
const TELL_REJECTED = `
const vm = require("node:vm");
const { basename } = require("node:path");
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    console.error(\`cache of \${basename(options.filename)}: \${this.cachedDataRejected}\`);
  }
};
`;

function withoutData(bytes: Buffer): Buffer {
  const header = Buffer.from(bytes.subarray(0, HEADER_BYTES));
  header.writeUInt32LE(crc32(""), 4);
  return header;
}

describe("scripts/cache-code.mjs", () => {
  test("makes one of all that a mount loads, which V8 takes", async () => {
    const tell = join(scratch.makeDirectory("preloaded"), "tell.cjs");
    writeFileSync(tell, TELL_REJECTED);
    // Refused when all is loaded.
    const words = ["-f", "--incremental-upload", "bucket", scratch.makeDirectory("mount")];
    const { stderr } = await run(node, ["-r", tell, commandLine, ...words]);
    const told = stderr.split("\n").filter((line) => line.startsWith("cache of"));
    const names = ["command", "common", "service"];
    expect(told).toEqual(names.map((name) => `cache of ${name}.js: false`));
  });
});
