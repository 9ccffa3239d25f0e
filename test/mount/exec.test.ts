/** `mount-s3-ts exec`: a command that runs on a mount, as in the entrypoint of a container. */

import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Child, run } from "../rigs/child.ts";
import { expectRefusal } from "../rigs/command-run.ts";
import { environmentFor, mountCommand } from "../rigs/mount-process.ts";
import { startGround } from "./ground.ts";

const EXIT_TIMEOUT_MS = 30_000;

const { scratch, sandbox, bucket } = await startGround({ weights: "0.5 0.25" });

// Nothing may remain of any run, and no test cleans up: that is the command's work.
afterEach(() => {
  expect(scratch.processes()).toEqual([]);
  expect(scratch.mounts()).toEqual([]);
});

/** The words after `node`; `$0` of a script is the directory. */
function execLine(directory: string, script: string, args: readonly string[] = []): string[] {
  const [program = "", ...mount] = mountCommand({
    endpoint: sandbox.endpoint,
    bucket: bucket.name,
    directory,
    args,
  });
  return [program, "exec", ...mount, "--", "sh", "-c", script, directory];
}

function start(directory: string, script: string, args: readonly string[] = []): Child {
  const options = { env: environmentFor(sandbox.endpoint), cwd: scratch.directory };
  return new Child(process.execPath, execLine(directory, script, args), options);
}

test("the command finds the bucket, has the standard streams, and gives its exit status", async () => {
  const directory = scratch.makeDirectory("mount");
  const child = start(directory, 'cat "$0/weights"; echo said >&2; exit 7');
  expect(await child.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 7, signal: null });
  expect(child.stdout).toBe("0.5 0.25");
  expect(child.stderr).toContain("said\n");
  expect(child.stderr).toContain(` INFO cli: the command has ended: unmounting ${directory}\n`);
  expect(child.stderr).toContain(` INFO cli: ${directory} is unmounted\n`);
});

test("what the command wrote is stored when exec returns, though it was still open", async () => {
  const directory = scratch.makeDirectory("mount");
  // The writer in the background outlives the command.
  const script = 'exec 3>"$0/made"; echo result >&3; sleep 60 >/dev/null 2>&1 & echo $!';
  const child = start(directory, script);
  expect(await child.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 0, signal: null });
  process.kill(Number(child.stdout), "SIGKILL");
  expect((await bucket.get("made"))?.toString()).toBe("result\n");
  await bucket.delete("made");
});

test.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const)(
  "%s goes to the command, which ends as it likes",
  async (signal) => {
    const directory = scratch.makeDirectory("mount");
    const script = `trap 'echo caught >> "$0/${signal}"; exit 3' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const child = start(directory, script);
    await child.waitForOutput(/ready/);
    child.signal(signal);
    expect(await child.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 3, signal: null });
    expect((await bucket.get(signal))?.toString()).toBe("caught\n");
    await bucket.delete(signal);
  },
);

test("a command that a signal ends gives 128 and its number", async () => {
  const child = start(scratch.makeDirectory("mount"), "kill -9 $$");
  expect(await child.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 137, signal: null });
});

test("a mount that dies is told of, and the command goes on", async () => {
  const directory = scratch.makeDirectory("mount");
  const child = start(directory, "echo ready; until [ -e told ]; do sleep 0.05; done; exit 5");
  await child.waitForOutput(/ready/);
  const daemon = scratch.processes().find((pid) => {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("mount-s3-ts ");
  });
  if (daemon === undefined) throw new Error("there is no daemon");
  process.kill(daemon, "SIGKILL");
  const told = `the mount at ${directory} has ended (SIGKILL)`;
  await expect.poll(() => child.stderr, { timeout: EXIT_TIMEOUT_MS }).toContain(told);
  await writeFile(join(scratch.directory, "told"), "");
  expect(await child.exitWithin(EXIT_TIMEOUT_MS)).toEqual({ code: 5, signal: null });
  expect(child.stderr).toContain("what was written there may not be stored");
  expect(readdirSync(directory)).toEqual([]);
});

test("the mount goes when exec itself is killed", async () => {
  const directory = scratch.makeDirectory("mount");
  const child = start(directory, "echo $$.; exec sleep 60");
  const sleeper = Number.parseInt(await child.waitForOutput(/\d+\./), 10);
  child.signal("SIGKILL");
  process.kill(sleeper, "SIGKILL");
  await child.exited;
  await expect.poll(() => scratch.processes()).toEqual([]);
});

test("a file that cannot be stored makes 1 of 0", async () => {
  const directory = scratch.makeDirectory("mount");
  // A shell would close and reopen it between its commands.
  const writer =
    'const { openSync, writeSync, writeFileSync } = require("node:fs"); writeSync(openSync(process.argv[1], "w"), "precious"); writeFileSync("written", ""); setTimeout(() => {}, 60_000)';
  const script = `'${process.execPath}' -e '${writer}' "$0/lost" >/dev/null 2>&1 & echo $!; until [ -e written ]; do sleep 0.05; done`;
  const refusal = { kind: "status", status: 503, method: "PUT", key: "lost" } as const;
  const fault = await sandbox.addFault({ ...refusal, times: Number.POSITIVE_INFINITY });
  const child = start(directory, script, ["--upload-timeout=1"]);
  const exit = await child.exitWithin(EXIT_TIMEOUT_MS);
  process.kill(Number(child.stdout), "SIGKILL");
  expect(exit).toEqual({ code: 1, signal: null });
  expect(child.stderr).toContain('"lost" was not known to be stored');
  await fault.remove();
  await expect.poll(() => scratch.processes()).toEqual([]);
});

test.runIf(process.getuid?.() === 0)(
  "as the first process of a container, exec waits for orphans",
  async () => {
    const directory = scratch.makeDirectory("mount");
    const orphans = "for i in 1 2 3 4 5; do (sh -c 'exit 0' &) ; done";
    const zombies = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
    const script = `${orphans}; until [ "$(${zombies})" = 0 ]; do sleep 0.05; done; echo reaped`;
    const args = ["--pid", "--fork", "--kill-child", "--mount", "--mount-proc", process.execPath];
    const finished = await run("unshare", [...args, ...execLine(directory, script)], {
      env: environmentFor(sandbox.endpoint),
      timeoutMs: EXIT_TIMEOUT_MS,
    });
    expect(finished.stdout).toBe("reaped\n");
    expect(finished.code).toBe(0);
  },
);

describe("what cannot be run is refused", () => {
  const refusals: readonly [string, (directory: string) => string[], 1 | 2, RegExp][] = [
    ["no command", (directory) => ["exec", "b-1", directory], 2, /no command was given to run/],
    [
      "nothing after --",
      (directory) => ["exec", "b-1", directory, "--"],
      2,
      /no command was given/,
    ],
    [
      "--foreground",
      (directory) => ["exec", "b-1", directory, "-f", "--", "true"],
      2,
      /leave it out/,
    ],
    ["no directory", () => ["exec", "b-1", "--", "true"], 2, /no directory to mount "b-1" at/],
    [
      "a directory that is missing",
      (directory) => ["exec", "b-1", join(directory, "none"), "--", "true"],
      1,
      /none.* does not exist/,
    ],
  ];
  test.each(refusals)("%s", async (_name, words, status, says) => {
    const directory = scratch.makeDirectory("mount");
    const [program = ""] = mountCommand({ endpoint: sandbox.endpoint, bucket: "", directory });
    const env = environmentFor(sandbox.endpoint);
    await expectRefusal(
      scratch,
      { args: [program, ...words(directory)], env },
      { status, says: [says] },
    );
  });

  test("a bucket that is not there: the command is not started", async () => {
    const directory = scratch.makeDirectory("mount");
    const mark = join(scratch.directory, "started");
    const [program = "", , ...rest] = execLine(directory, `mkdir ${mark}`);
    const env = environmentFor(sandbox.endpoint);
    const args = [program, "exec", "no-such-bucket", ...rest.slice(1)];
    await expectRefusal(scratch, { args, env }, { status: 1, says: [/no-such-bucket/] });
    await mkdir(mark);
  });

  test.each([
    ["is not found", "no-such-program", 127],
    ["cannot be run", "/etc/passwd", 126],
  ] as const)("a command that %s", async (_what, program, status) => {
    const directory = scratch.makeDirectory("mount");
    const line = execLine(directory, "");
    const words = [...line.slice(0, line.indexOf("--") + 1), program];
    const finished = await run(process.execPath, words, { env: environmentFor(sandbox.endpoint) });
    expect(finished.code).toBe(status);
    expect(finished.stderr).toContain(`mount-s3-ts: cannot run ${program}: `);
  });
});

test("the help of exec shows examples", async () => {
  const [program = ""] = mountCommand({ endpoint: sandbox.endpoint, bucket: "", directory: "" });
  const { stdout, code } = await run(process.execPath, [program, "exec", "--help"]);
  expect(code).toBe(0);
  expect(stdout).toContain("Examples:");
  expect(await readFile("docs/CLI.md", "utf8")).toContain("mount-s3-ts exec BUCKET DIRECTORY");
});
