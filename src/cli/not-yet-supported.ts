/**
 * What the command line understands although nothing here does it yet. The one place that refuses it:
 * whoever builds a feature takes its line out.
 */

import { CliError } from "./error.ts";
import type { MountValues } from "./mount-table.ts";
import type { OptionTable } from "./option.ts";

const OPTIONS: ReadonlySet<string> = new Set<keyof MountValues>([
  "bind",
  "cache",
  "cache-block-size",
  "cache-xz",
  "max-cache-size",
  "otlp-endpoint",
  "otlp-export-interval",
]);

/** Throws a usage error when `values` ask for any of it. */
export function refuseNotYetSupported(values: MountValues): void {
  for (const [name, value] of Object.entries(values)) {
    const given = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    if (!given || !OPTIONS.has(name)) continue;
    const shown = value === true ? "" : ` ${String(value)}`;
    throw new CliError("usage", `--${name}${shown} is not yet supported: leave it out`);
  }
}

/** The table with a word about each option that is refused, for those who read about it. */
export function withSupport(table: OptionTable): OptionTable {
  const entries = Object.entries(table).map(([name, option]) =>
    OPTIONS.has(name)
      ? ([name, { ...option, help: `${option.help} Not yet supported.` }] as const)
      : ([name, option] as const),
  );
  return Object.fromEntries(entries);
}
