/** All commands, in the order in which the guide tells of them. */

import { BENCH_PAGE } from "../bench/bench-table.ts";
import { COMPLETION_PAGE } from "../completion-table.ts";
import { DOCTOR_PAGE } from "../doctor/doctor-table.ts";
import { EXEC_PAGE } from "../exec/exec-table.ts";
import { mainPage } from "../main-page.ts";
import { LIST_PAGE } from "../mounts/list-table.ts";
import { UNMOUNT_PAGE } from "../mounts/unmount-table.ts";
import { SANDBOX_PAGE } from "../sandbox-table.ts";
import type { CommandPage } from "./page.ts";

const DEMO_PAGE: CommandPage = {
  name: "demo",
  summary: "Show everything in a minute.",
  positionals: [],
  table: {},
  help: {
    usage: "mount-s3-ts demo",
    about:
      "Mounts a sandbox of its own and shows reading, writing, listing and deleting there, checking every byte.",
    examples: [["mount-s3-ts demo", "See it work"]],
  },
};

/** The main command first. */
export function allPages(): readonly CommandPage[] {
  return [
    mainPage(),
    EXEC_PAGE,
    LIST_PAGE,
    UNMOUNT_PAGE,
    DOCTOR_PAGE,
    SANDBOX_PAGE,
    BENCH_PAGE,
    DEMO_PAGE,
    COMPLETION_PAGE,
  ];
}
