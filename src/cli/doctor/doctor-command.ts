/** Runs `mount-s3-ts doctor`: finding after finding as lines for people, or all of them as JSON. */

import { silentLog } from "../../base/log.ts";
import { packageVersion } from "../../base/package.ts";
import { examineBucket, type Finding } from "../../mount/index.ts";
import type { DoctorCommand } from "./doctor-table.ts";
import { checkSystem } from "./system-checks.ts";

const MARKS = {
  good: "ok     ",
  warning: "warning",
  bad: "FAIL   ",
  unknown: "?      ",
} as const satisfies Record<Finding["verdict"], string>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Resolves with the exit status: 1 when a mount would fail. */
export async function runDoctor(
  { directory, json, mount }: DoctorCommand,
  environment: Environment,
  print: (text: string) => void,
): Promise<number> {
  const findings: Finding[] = [];
  const tell = (finding: Finding): void => {
    findings.push(finding);
    if (!json) print(lineOf(finding));
  };
  for (const finding of checkSystem(directory)) tell(finding);
  if (mount !== undefined) {
    for await (const finding of examineBucket(mount, { environment, log: silentLog }))
      tell(finding);
  }
  const count = (wanted: Finding["verdict"]): number =>
    findings.filter(({ verdict }) => verdict === wanted).length;
  const failed = count("bad");
  if (json) {
    const report = { version: packageVersion(), ok: failed === 0, findings };
    print(`${JSON.stringify(report, undefined, 2)}\n`);
  } else {
    print(summaryOf(failed, count("warning"), mount !== undefined));
  }
  return failed === 0 ? 0 : 1;
}

function lineOf({ check, detail, remedy, verdict }: Finding): string {
  const advice =
    remedy === undefined ? "" : `${" ".repeat(MARKS.good.length)}  -> ${onOneLine(remedy)}\n`;
  return `${MARKS[verdict]}  ${check}: ${onOneLine(detail)}\n${advice}`;
}

function summaryOf(failed: number, warnings: number, hasBucket: boolean): string {
  if (failed > 0) return `a mount would fail: ${failed} of these must be mended\n`;
  if (!hasBucket) return "this machine can mount; name a bucket to try that, too\n";
  return `a mount would work${warnings === 0 ? "" : ", but see the warnings"}\n`;
}

/** What servers say is printed, and a terminal obeys what it is sent. */
function onOneLine(text: string): string {
  return text
    .trim()
    .replace(/\s+/g, " ")
    .replace(/\p{Cc}/gu, "?");
}
