/** What the addon forbids the process. */

import { expect, test } from "vitest";
import { succeed } from "../rigs/child.ts";

const PROGRAM = `
import { readFileSync } from "node:fs";
const { addon } = await import(${JSON.stringify(new URL("../../dist/native/index.js", import.meta.url).href)});
const limits = () => /^Max core file size +(\\S+) +(\\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")).slice(1);
console.log(JSON.stringify([limits(), addon().forbidCores(), limits()]));
`;

test("cores are forbidden, and whoever may can allow them again", async () => {
  const shell = `ulimit -S -c "$(ulimit -H -c)" && exec "$0" --input-type=module -e "$1"`;
  const printed = await succeed("sh", ["-c", shell, process.execPath, PROGRAM]);
  const [[soft, hard], result, after] = JSON.parse(printed) as [string[], number, string[]];
  expect(soft).toBe(hard);
  expect(result).toBe(0);
  expect(after).toEqual(["0", hard]);
});
