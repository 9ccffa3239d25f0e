/** The command `mount-s3-ts exec`: how its line is cut, and its help. */

import { CliError } from "../error.ts";
import type { CommandPage } from "../guide/page.ts";
import { renderHelp } from "../help.ts";
import { type Invoker, type MountCommand, parseMountCommand } from "../mount-command.ts";
import type { OptionTable } from "../option.ts";

const USAGE = "mount-s3-ts exec BUCKET DIRECTORY [options] -- COMMAND [ARGUMENTS]";

/** Those of a mount are in its own table. */
const EXEC_TABLE = {
  help: { short: "h", group: "More", help: "Show this help." },
} as const satisfies OptionTable;

export const EXEC_PAGE: CommandPage = {
  name: "exec",
  summary: "Mount, run a command, and unmount after it.",
  positionals: ["other", "directory"],
  table: EXEC_TABLE,
  takesMountOptions: true,
  help: {
    usage: USAGE,
    about:
      "Mounts as mount-s3-ts BUCKET DIRECTORY does, with the same options, runs the command when the mount answers, and unmounts when the command has ended, after what it wrote is stored. It is made for the entrypoint of a container: the command has the standard streams, gets the signals, and gives its exit status (128 and the number of the signal that ended it). Log lines go to standard error. Where nothing can be mounted the command is not started: exit status 1, or 2 for a wrong command line. A command that is not found gives 127, one that cannot be run 126, and a command that succeeded when a file could not be stored gives 1.",
    examples: [
      [
        "mount-s3-ts exec my-models /opt/model --read-only -- python3 main.py",
        "Serve a model from a bucket, as the main process of a container",
      ],
      [
        "mount-s3-ts exec my-bucket /mnt/out --region eu-west-1 -- sh -c 'make-report > /mnt/out/report'",
        "Return when the report is stored",
      ],
    ],
  },
};

export interface ExecCommand {
  readonly kind: "exec";
  readonly mount: MountCommand;
  readonly program: string;
  readonly programArgs: readonly string[];
}

export function parseExecCommand(
  args: readonly string[],
  invoker: Invoker,
): ExecCommand | { readonly kind: "help"; readonly text: string } {
  const help = { kind: "help", text: renderHelp(EXEC_TABLE, EXEC_PAGE.help) } as const;
  const end = args.indexOf("--");
  const ours = end === -1 ? args : args.slice(0, end);
  if (ours.includes("--help") || ours.includes("-h")) return help;

  const [program, ...programArgs] = end === -1 ? [] : args.slice(end + 1);
  if (!program) {
    throw new CliError(
      "usage",
      `no command was given to run on the mount: write ${USAGE}, or to mount the bucket of that name, mount-s3-ts s3://exec DIRECTORY`,
    );
  }
  const mount = parseMountCommand(ours, invoker);
  if (mount.kind !== "mount") {
    throw new CliError("usage", `--version is no option of a mount: write ${USAGE}`);
  }
  if (mount.foreground) {
    throw new CliError(
      "usage",
      "--foreground cannot be used with exec, where the command is in the foreground: leave it out",
    );
  }
  return { kind: "exec", mount, program, programArgs };
}
