/** scripts/build-addon.mjs in a package with a smaller addon: when it builds, when not, and how it gives up. */

import { execFile } from "node:child_process";
import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** An addon as ours is, but for its size: what compiles it does not depend on what it is. */
const SOURCES = {
  "addon.h": "#include <node_api.h>\n",
  "module.c": '#include "addon.h"\nNAPI_MODULE_INIT() { return (void)env, exports; }\n',
  "binding.gyp": '{ "targets": [{ "target_name": "mount_s3_ts", "sources": ["module.c"] }] }\n',
};

let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "build-addon-"));
  await cp(join(ROOT, "scripts/build-addon.mjs"), join(copy, "scripts/build-addon.mjs"));
  await mkdir(join(copy, "native"));
  for (const [name, text] of Object.entries(SOURCES)) {
    await writeFile(join(copy, "native", name), text);
  }
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
});

afterAll(() => rm(copy, { recursive: true }));

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function build(args: readonly string[] = [], env: Record<string, string> = {}): Promise<Outcome> {
  const script = join(copy, "scripts/build-addon.mjs");
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env } };
    const child = execFile(process.execPath, [script, ...args], options, (_, stdout, stderr) => {
      resolve({ status: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

async function modifiedMs(): Promise<number> {
  const directory = join(copy, "prebuilds", `${process.platform}-${process.arch}`);
  const addon = (await readdir(directory)).find((name) => name.endsWith(".node"));
  return (await stat(join(directory, addon ?? ""))).mtimeMs;
}

/** Two compilers at work on a busy machine. */
const SLOW = { timeout: 90_000 };

test(
  "it builds once, says nothing when all is well, and builds again when a source changes",
  SLOW,
  async () => {
    const first = await build();
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(first.stdout).toMatch(/^Building the native addon for linux-\S+ \((?:glibc|musl)\)/);
    const built = await modifiedMs();

    // Without a compiler on the path: what is there is not built again.
    expect(await build([], { PATH: "" })).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(await modifiedMs()).toBe(built);

    await appendFile(join(copy, "native/addon.h"), "/* changed */\n");
    expect(await build()).toMatchObject({ status: 0, stderr: "" });
    expect(await modifiedMs()).toBeGreaterThan(built);
    expect(await readdir(join(copy, "native/build"))).toEqual([]);
  },
);

test(
  "a build that fails is one message with the remedy, and leaves nothing behind",
  SLOW,
  async () => {
    await appendFile(join(copy, "native/module.c"), "#error broken on purpose\n");
    const { status, stderr } = await build();
    expect(status).toBe(1);
    expect(stderr).toContain("Cannot build the native addon for linux-");
    expect(stderr).toContain("broken on purpose");
    expect(stderr).toContain("apt-get install -y build-essential python3");
    expect(stderr).toContain(`node ${join(copy, "scripts/build-addon.mjs")}`);
    expect(await readdir(join(copy, "native/build"))).toEqual([]);
  },
);

test("an option that it does not know is refused", async () => {
  expect(await build(["--debug"])).toMatchObject({
    status: 2,
    stderr: "build-addon: unknown option --debug; the only one is --asan\n",
  });
});
