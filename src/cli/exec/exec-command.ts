/**
 * Runs a command on a mount that lives as long as it does: the entrypoint of a container.
 *
 *   daemon ready ──▶ command runs, gets our signals ──▶ command ended ──▶ daemon unmounts and ends
 *
 * The daemon is bound to this process: it unmounts when this process is gone, however that ended.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { messageOf } from "../../base/log.ts";
import { addonIfAny } from "../../native/index.ts";
import { type BoundMount, mountForCommand } from "../background.ts";
import type { ExecCommand } from "./exec-table.ts";

/** What is passed on to the command, as init does in a container. */
const FORWARDED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
  "SIGWINCH",
] as const;
/** What a terminal sends to the command itself. */
const OF_TERMINALS: ReadonlySet<string> = new Set(["SIGINT", "SIGQUIT", "SIGWINCH"]);

/** As shells have it. */
const STATUS_NOT_FOUND = 127;
const STATUS_NOT_RUNNABLE = 126;
const STATUS_OF_SIGNALS = 128;

/** Resolves with the exit status: the command's, or 1 when that is 0 and a file could not be stored. */
export async function execOnMount(
  { mount, program, programArgs }: ExecCommand,
  environment: NodeJS.ProcessEnv,
  tell: (sentence: string) => void,
): Promise<number> {
  const bound = await mountForCommand(mount, { environment });
  const { directory } = mount.options;
  const { child, stop } = forwardSignals(() =>
    spawn(program, programArgs, { stdio: "inherit", env: environment }),
  );
  const stopReaping = process.pid === 1 ? reapOrphans(bound, child) : () => {};
  const ended = statusOf(child, program, tell);
  const first = await Promise.race([ended, bound.ended]);
  if (typeof first === "string") {
    tell(`the mount at ${directory} has ended (${first}): files there cannot be used any more`);
  }
  const status = await ended;

  stop();
  stopReaping();
  const hurry = (signal: NodeJS.Signals): void => bound.hurry(signal);
  process.on("SIGINT", hurry).on("SIGTERM", hurry);
  const clean = await bound.unmount();
  if (clean) return status;
  tell(`${directory} did not end as it should: what was written there may not be stored`);
  return status === 0 ? 1 : status;
}

/**
 * Passes signals on to `start`'s child, until the function that is returned is called. The handlers are
 * there first: the command may have somebody send a signal as its first deed.
 */
function forwardSignals(start: () => ChildProcess): { child: ChildProcess; stop: () => void } {
  const forward = (signal: NodeJS.Signals): void => {
    if (!(process.stdin.isTTY && OF_TERMINALS.has(signal))) child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  const child = start();
  return {
    child,
    stop: () => {
      for (const signal of FORWARDED) process.removeListener(signal, forward);
    },
  };
}

async function statusOf(
  child: ChildProcess,
  program: string,
  tell: (sentence: string) => void,
): Promise<number> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? STATUS_OF_SIGNALS + (signal === null ? 0 : constants.signals[signal]);
  } catch (error) {
    const notFound = error instanceof Error && "code" in error && error.code === "ENOENT";
    tell(
      `cannot run ${program}: ${notFound ? "it is not found on the PATH" : messageOf(error)}: correct what follows "--"`,
    );
    return notFound ? STATUS_NOT_FOUND : STATUS_NOT_RUNNABLE;
  }
}

/**
 * The first process of a container inherits the children of others, and must wait for their ends; without
 * the addon they are left until this one ends.
 */
function reapOrphans(bound: BoundMount, child: ChildProcess): () => void {
  const native = addonIfAny();
  if (native === undefined) return () => {};
  const kept = new Uint8Array(Int32Array.from([bound.pid ?? 0, child.pid ?? 0]).buffer);
  // Node waits for its own children in the same turn of the loop.
  const reap = (): NodeJS.Immediate => setImmediate(() => native.reapOrphans(kept));
  process.on("SIGCHLD", reap);
  // Those that ended before.
  reap();
  return () => process.removeListener("SIGCHLD", reap);
}
