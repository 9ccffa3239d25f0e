/** The command line of scripts/model.mjs; what it runs is tested beside this file. */

import { expect, test } from "vitest";
import { run } from "../rigs/child.ts";

const model = (...args: readonly string[]) => run(process.execPath, ["scripts/model.mjs", ...args]);

test("--help explains every option, with examples", async () => {
  const { code, stdout } = await model("--help");
  expect(code).toBe(0);
  for (const option of ["--commands", "--mounted", "--seed", "--only", "--path"]) {
    expect(stdout).toContain(`  ${option} `);
  }
  expect(stdout).toContain("npm run model -- --commands 2000000 --seed 7");
});

test.each([
  [["--comands", "5"], /Unknown option '--comands'/],
  [["--commands", "many"], /--commands takes a number from 0 on, not "many"/],
  [["--path", "12"], /--path is a sequence of a --seed/],
  [["--commands", "0", "--mounted", "0"], /leaves nothing to do/],
])("%j is refused with status 2", async (args, message) => {
  const { code, stderr } = await model(...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
