/** The command `mount-s3-ts doctor`: how its line is cut, and its help. */

import type { MountOptions } from "../../mount/index.ts";
import { parseCommandLine } from "../command-line.ts";
import type { CommandPage } from "../guide/page.ts";
import { renderHelp } from "../help.ts";
import { type Invoker, parseMountCommand } from "../mount-command.ts";
import { MOUNT_TABLE } from "../mount-table.ts";
import type { OptionTable } from "../option.ts";

/** Those of a mount are in its own table. */
const DOCTOR_TABLE = {
  json: { group: "Output", help: "Print one JSON object, for programs." },
  help: { short: "h", group: "More", help: "Show this help." },
} as const satisfies OptionTable;

export const DOCTOR_PAGE: CommandPage = {
  name: "doctor",
  summary: "Tell whether and why a mount would fail.",
  positionals: ["other", "directory"],
  table: DOCTOR_TABLE,
  takesMountOptions: true,
  help: {
    usage: "mount-s3-ts doctor [BUCKET [DIRECTORY]] [options]",
    about:
      "Looks at what a mount needs and tells what it finds: this machine; and of a bucket the server, which source gave credentials, whose they are and until when, and each permission that a mount uses, tried without changing anything. It takes the options of a mount. An upload is begun and given up, and the deletion of an object that does not exist is asked for; nothing is left of that. Exit status 1 means that a mount would fail.",
    examples: [
      ["mount-s3-ts doctor", "Look at this machine"],
      [
        "mount-s3-ts doctor my-bucket /mnt/data --region eu-west-1 --allow-delete",
        "Try all that such a mount would do",
      ],
      [
        "mount-s3-ts doctor my-bucket --json | jq -r '.findings[] | select(.verdict == \"bad\").detail'",
        "What is wrong, for programs",
      ],
    ],
  },
};

export interface DoctorCommand {
  readonly kind: "doctor";
  readonly json: boolean;
  /** undefined where no bucket was named. */
  readonly mount: MountOptions | undefined;
  /** undefined where no directory was named. */
  readonly directory: string | undefined;
}

export function parseDoctorCommand(
  args: readonly string[],
  invoker: Invoker,
): DoctorCommand | { readonly kind: "help"; readonly text: string } {
  const table = { ...MOUNT_TABLE, ...DOCTOR_TABLE };
  const { positionals, values } = parseCommandLine(table, args, "mount-s3-ts doctor --help");
  if (values.help) return { kind: "help", text: renderHelp(DOCTOR_TABLE, DOCTOR_PAGE.help) };
  const ours = { kind: "doctor", json: values.json } as const;
  if (positionals.length === 0) return { ...ours, mount: undefined, directory: undefined };
  const rest = args.filter((arg) => arg !== "--json");
  const command = parseMountCommand(positionals.length === 1 ? [...rest, "/"] : rest, invoker);
  if (command.kind !== "mount") return { ...ours, mount: undefined, directory: undefined };
  const { options } = command;
  return {
    ...ours,
    mount: options,
    directory: positionals.length === 1 ? undefined : options.directory,
  };
}
