/**
 * The program `mount-s3-ts`. This file decides what the first word asks for and turns every outcome
 * into output and an exit status; whatever is heavy is loaded only by the command that needs it.
 */

import { existsSync } from "node:fs";
import { packageVersion } from "../base/package.ts";
import { mountInBackground } from "./background.ts";
import { type Command, parseCommand } from "./command.ts";
import { CliError, exitStatusOf } from "./error.ts";
import type { MountCommand } from "./mount-command.ts";
import { checkDevice, checkMountPoint } from "./mount-point.ts";
import type { UnmountOptions } from "./mounts/unmount-table.ts";

const NODE_MIN = [20, 19] as const;

async function main(programPath: string, args: readonly string[]): Promise<number> {
  checkNode();
  // The SDK prints about old versions of Node, once per process, into whatever the output is.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  const invoker = {
    workingDirectory: workingDirectory(),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    pidFile: process.env["UNSTABLE_MOUNTPOINT_PID_FILE"] || undefined,
  };
  return run(parseCommand(args, invoker, programPath));
}

/** Where that was removed, its name will do: absolute paths need none, and relative ones fail by it. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return process.env["PWD"] || "/";
  }
}

async function run(command: Command): Promise<number> {
  // The command of a mount in the background ends with what it writes, and opening a stream takes it time.
  if (command.kind !== "mount" || command.foreground) outliveReaders();
  switch (command.kind) {
    case "help":
      process.stdout.write(command.text);
      return 0;
    case "version":
      process.stdout.write(`mount-s3-ts ${packageVersion()}\n`);
      return 0;
    case "checked":
      return 0;
    case "mount":
      return mount(command);
    case "exec":
      await checkTarget(command.mount);
      for (const warning of command.mount.warnings) tell(warning);
      return (await import("./exec/exec-command.ts")).execOnMount(command, process.env, tell);
    case "sandbox":
      return (await import("./sandbox-command.ts")).runSandbox(command.options, process.env);
    case "list":
      process.stdout.write(
        (await import("./mounts/list-command.ts")).listMounts(command.json, process.env),
      );
      return 0;
    case "unmount":
      return unmount(command.options);
    case "completion": {
      const { renderCompletion } = await import("./guide/completion.ts");
      process.stdout.write(renderCompletion(command.shell));
      return 0;
    }
    case "bench":
      return (await import("./bench/bench-command.ts")).runBench(command.options, process.env);
    case "doctor": {
      const { runDoctor } = await import("./doctor/doctor-command.ts");
      return runDoctor(command, process.env, (text) => process.stdout.write(text));
    }
    case "demo":
      return (await import("./demo/demo.ts")).runDemo(process.env);
  }
}

/** Who reads the output may stop at any time, as head does: what runs goes on, and its status counts. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}

async function mount(command: MountCommand): Promise<number> {
  await checkTarget(command);
  if (command.foreground) return mountInForeground(command);

  const missing = command.log.debug
    ? (await import("./log-choice.ts")).describeMissingLog(command.log, process.env, existsSync)
    : undefined;
  const notices = missing === undefined ? [] : [missing];
  for (const notice of [...command.warnings, ...notices]) tell(notice);
  const summary = await mountInBackground(command, { environment: process.env });
  process.stdout.write(`${summary}\n`);
  return 0;
}

/** Refuses, before anything is started, what cannot be mounted at. */
async function checkTarget({ options }: MountCommand): Promise<void> {
  const { deviceFd, directory } = options;
  if (deviceFd === undefined) checkMountPoint(directory);
  else checkDevice(deviceFd, directory);
  // Loading what judges them would take longer than all else that this process does.
  if (!process.env["MOUNTPOINT_LOG"]) return;
  (await import("./log-choice.ts")).checkLogDirectives(process.env);
}

async function unmount(options: UnmountOptions): Promise<number> {
  const { unmountDirectory } = await import("./mounts/unmount-command.ts");
  process.stdout.write(`${await unmountDirectory(options, process.env, tell)}\n`);
  return 0;
}

async function mountInForeground(command: MountCommand): Promise<number> {
  const [{ openLog, wantsMetrics }, { serve }] = await Promise.all([
    import("./log-choice.ts"),
    import("./serve.ts"),
  ]);
  const log = openLog(command.log, { environment: process.env, foreground: true });
  for (const warning of command.warnings) log.warn(warning);
  try {
    return await serve({
      options: command.options,
      pidFile: command.pidFile,
      environment: process.env,
      log,
      logsMetrics: wantsMetrics(command.log, process.env),
      abandoned: new Promise(() => {}),
      onMounted: (summary) => process.stdout.write(`${summary}\n`),
    });
  } finally {
    await log.close();
  }
}

function tell(sentence: string): void {
  process.stderr.write(`mount-s3-ts: ${sentence}\n`);
}

function checkNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new CliError(
    "failure",
    `this is Node.js ${process.versions.node}, and mount-s3-ts needs ${NODE_MIN.join(".")} or later: install a newer one`,
  );
}

const [, programPath = "", ...args] = process.argv;
main(programPath, args).then(
  (status) => process.exit(status),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`mount-s3-ts: ${message.replace(/\s*\n\s*/g, " ")}\n`);
    process.exit(exitStatusOf(error));
  },
);
