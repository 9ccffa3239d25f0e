/**
 * Which command a command line asks for. Commands other than mounting are recognised as the first word
 * only, so that a line with its flags first means what it means to mount-s3; a bucket that has the name
 * of a command is written as s3://NAME.
 */

import { type BenchCommand, parseBenchCommand } from "./bench/bench-table.ts";
import { isMountHelper, parseHelperArguments } from "./called-by-mount.ts";
import { type CompletionCommand, parseCompletionCommand } from "./completion-table.ts";
import { type DoctorCommand, parseDoctorCommand } from "./doctor/doctor-table.ts";
import { CliError } from "./error.ts";
import { type ExecCommand, parseExecCommand } from "./exec/exec-table.ts";
import { renderHelp } from "./help.ts";
import { mainPage } from "./main-page.ts";
import { type Invoker, type MountCommand, parseMountCommand } from "./mount-command.ts";
import { type ListCommand, parseListCommand } from "./mounts/list-table.ts";
import { parseUnmountCommand, type UnmountCommand } from "./mounts/unmount-table.ts";
import { parseSandboxCommand, type SandboxCommandOptions } from "./sandbox-table.ts";

export type Command =
  | MountCommand
  | ExecCommand
  | ListCommand
  | UnmountCommand
  | CompletionCommand
  | BenchCommand
  | DoctorCommand
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "version" }
  /** All is well, and nothing is to be done. */
  | { readonly kind: "checked" }
  | { readonly kind: "sandbox"; readonly options: SandboxCommandOptions }
  | { readonly kind: "demo" };

/**
 * Parses the words after the program's name, or throws a usage error. `programPath` is what the program
 * was called as: as mount.TYPE it is a helper of mount(8).
 */
export function parseCommand(args: readonly string[], invoker: Invoker, programPath = ""): Command {
  if (isMountHelper(programPath)) return parseHelper(args, invoker);
  const [first = "", ...rest] = args;
  if (first === "sandbox") return parseSandboxCommand(rest, invoker.workingDirectory);
  if (first === "completion") return parseCompletionCommand(rest);
  if (first === "bench") return parseBenchCommand(rest);
  if (first === "demo") return parseDemo(rest);
  if (first === "doctor") return parseDoctorCommand(rest, invoker);
  if (first === "exec") return parseExecCommand(rest, invoker);
  if (first === "list") return parseListCommand(rest);
  if (first === "unmount") return parseUnmountCommand(rest, invoker.workingDirectory);
  const command = parseMountCommand(args, invoker);
  return command.kind === "help" ? { kind: "help", text: mainHelp() } : command;
}

function parseHelper(given: readonly string[], invoker: Invoker): Command {
  const { args, fake } = parseHelperArguments(given);
  const command = parseMountCommand(args, invoker);
  if (command.kind === "help") return { kind: "help", text: mainHelp() };
  return fake ? { kind: "checked" } : command;
}

function parseDemo(rest: readonly string[]): Command {
  if (rest.length === 0) return { kind: "demo" };
  throw new CliError(
    "usage",
    `the command "demo" takes no arguments, but got "${rest.join(" ")}"; to mount the bucket of that name, write mount-s3-ts s3://demo DIRECTORY`,
  );
}

function mainHelp(): string {
  const { table, help } = mainPage();
  return renderHelp(table, help);
}
