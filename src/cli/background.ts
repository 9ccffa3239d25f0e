/**
 * Mounts in the background: starts the daemon, hands it the order, and waits until it answers, fails,
 * dies or takes too long. This process loads nothing of the file system, so that it starts at once.
 */

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { resolve } from "node:path";
import { programPath } from "../base/package.ts";
import {
  DAEMON_CHANNEL_FD,
  DAEMON_DEVICE_FD,
  type DaemonAnswer,
  receiveLine,
  sendLine,
  UNMOUNT_LINE,
} from "./daemon-channel.ts";
import { CliError } from "./error.ts";
import type { MountCommand } from "./mount-command.ts";
import { detachMount } from "./mount-point.ts";

/** mount-s3's limit for a mount to answer. */
const READY_TIMEOUT_MS = 30_000;
/** For a daemon that is told to stop before it is killed. */
const STOP_TIMEOUT_MS = 5000;

/** Variables that name files: the daemon works from another directory. */
const FILE_VARIABLES = [
  "AWS_CONFIG_FILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  "AWS_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
  "TMPDIR",
];

export interface BackgroundOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readyTimeoutMs?: number;
}

/** Resolves with the sentence that says what is mounted where. Rejects with a failure, nothing left. */
export async function mountInBackground(
  command: MountCommand,
  background: BackgroundOptions,
): Promise<string> {
  const { child, socket, summary } = await startDaemon(command, background, false);
  socket.destroy();
  child.unref();
  return summary;
}

/** A mount that ends with the process that asked for it. */
export interface BoundMount {
  readonly pid: number | undefined;
  /** Resolves with how its process ended, which it does for `unmount` or by itself. */
  readonly ended: Promise<string>;
  /** Whether all ended as it should, and what was written is stored. */
  unmount(): Promise<boolean>;
  /** Passes on a signal from somebody who does not want to wait for the uploads. */
  hurry(signal: NodeJS.Signals): void;
}

/** As `mountInBackground`, but it is unmounted when this process ends; its log goes to standard error. */
export async function mountForCommand(
  command: MountCommand,
  background: BackgroundOptions,
): Promise<BoundMount> {
  const { child, socket } = await startDaemon(command, background, true);
  const exited = hasEnded(child) ? Promise.resolve() : once(child, "exit");
  return {
    pid: child.pid,
    ended: exited.then(() => howEnded(child)),
    async unmount() {
      socket.end(UNMOUNT_LINE);
      await exited;
      // A process that was killed has left its mount.
      if (child.signalCode !== null) detachMount(command.options.directory);
      return child.exitCode === 0;
    },
    hurry: (signal) => void child.kill(signal),
  };
}

interface Daemon {
  readonly child: ChildProcess;
  /** Open to both sides. */
  readonly socket: Socket;
  readonly summary: string;
}

async function startDaemon(
  command: MountCommand,
  background: BackgroundOptions,
  bound: boolean,
): Promise<Daemon> {
  const { options, pidFile, log, warnings } = command;
  const { deviceFd } = options;
  const output = bound ? process.stderr.fd : "ignore";
  const stdio: StdioOptions = ["ignore", output, "ignore", "pipe"];
  if (deviceFd !== undefined) stdio[DAEMON_DEVICE_FD] = deviceFd;
  const child = spawn(
    process.execPath,
    [programPath("daemon"), options.bucket, options.directory],
    {
      cwd: "/",
      detached: true,
      env: daemonEnvironment(background.environment),
      stdio,
    },
  );
  const socket = child.stdio[DAEMON_CHANNEL_FD];
  if (!(socket instanceof Socket)) {
    throw new CliError("failure", `the mount process could not be started: ${process.execPath}`);
  }
  const answer = receiveLine<DaemonAnswer>(socket);
  const passed = deviceFd === undefined ? {} : { deviceFd: DAEMON_DEVICE_FD };
  sendLine(socket, { options: { ...options, ...passed }, pidFile, log, warnings, bound });

  const readyTimeoutMs = background.readyTimeoutMs ?? READY_TIMEOUT_MS;
  const reply = await untilAnswered(child, answer, readyTimeoutMs);
  if (reply.kind === "mounted") return { child, socket, summary: reply.summary };
  socket.destroy();
  throw await failureOf(reply, child, options.directory);
}

/** What is said of a mount that was not made, once nothing is left of it. */
async function failureOf(
  reply: Exclude<Reply, { readonly kind: "mounted" }>,
  child: ChildProcess,
  directory: string,
): Promise<CliError> {
  switch (reply.kind) {
    case "failed":
      // It ends by itself now; whoever reads the message may rely on its being gone.
      await ended(child);
      return new CliError("failure", reply.message);
    case "died":
      return new CliError(
        "failure",
        `the mount process ended with ${reply.how} before it was ready: run the same command with -f to see why`,
      );
    case "gave-up":
      await stop(child, directory);
      return new CliError("failure", reply.message);
  }
}

type Reply =
  | DaemonAnswer
  | { readonly kind: "died"; readonly how: string }
  | { readonly kind: "gave-up"; readonly message: string };

async function untilAnswered(
  child: ChildProcess,
  answer: Promise<DaemonAnswer | undefined>,
  readyTimeoutMs: number,
): Promise<Reply> {
  const exited = new Promise<Reply>((settle) => {
    child.once("error", (error) => settle({ kind: "died", how: error.message }));
    child.once("exit", () => settle({ kind: "died", how: howEnded(child) }));
  });
  let timer: NodeJS.Timeout | undefined;
  let onSignal: (signal: string) => void = () => {};
  const gaveUp = new Promise<Reply>((settle) => {
    const seconds = readyTimeoutMs / 1000;
    const late = `timeout after ${seconds} seconds while waiting for the mount process to be ready: is the endpoint reachable? Run the same command with -f to see its log`;
    timer = setTimeout(() => settle({ kind: "gave-up", message: late }), readyTimeoutMs);
    onSignal = (signal) => {
      settle({ kind: "gave-up", message: `got ${signal} before the mount was ready: gave up` });
    };
    process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  });
  try {
    // A daemon that answers and ends at once has still answered.
    return await Promise.race([answer.then((reply) => reply ?? exited), gaveUp]);
  } finally {
    clearTimeout(timer);
    process.removeListener("SIGINT", onSignal).removeListener("SIGTERM", onSignal);
  }
}

/** Ends the daemon, by force if need be; then its mount, if it got so far, is cleared as well. */
async function stop(child: ChildProcess, directory: string): Promise<void> {
  child.kill("SIGTERM");
  await ended(child);
  detachMount(directory);
}

/** Waits until the process is gone, and kills it if that takes too long. */
async function ended(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await once(child, "exit");
  clearTimeout(timer);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function howEnded({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ?? `exit status ${exitCode}`;
}

function daemonEnvironment(environment: BackgroundOptions["environment"]): NodeJS.ProcessEnv {
  const copy = { ...environment };
  for (const name of FILE_VARIABLES) {
    const path = copy[name];
    if (path) copy[name] = resolve(path);
  }
  return copy;
}
