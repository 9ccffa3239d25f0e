/**
 * What the command line understands although nothing here does it yet. The one place that refuses it:
 * whoever builds a feature takes its line out.
 */

import { CliError } from "./error.ts";
import type { MountValues } from "./mount-table.ts";
import type { OptionTable } from "./option.ts";

/** Options, each with the one value of it that says no more than what is done anyway, if it has one. */
const OPTIONS: Readonly<Partial<Record<keyof MountValues, string | undefined>>> = {
  bind: undefined,
  "bucket-type": "general-purpose",
  cache: undefined,
  "cache-block-size": undefined,
  "cache-xz": undefined,
  "incremental-upload": undefined,
  "max-cache-size": undefined,
  "otlp-endpoint": undefined,
  "otlp-export-interval": undefined,
};

/** Throws a usage error when `values`, or what they are to mount, ask for any of it. */
export function refuseNotYetSupported(values: MountValues, bucket: string): void {
  for (const [name, value] of Object.entries(values)) {
    const given = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    if (!given || !Object.hasOwn(OPTIONS, name)) continue;
    const supported = OPTIONS[name as keyof typeof OPTIONS];
    if (value === supported) continue;
    const shown = typeof value === "string" ? ` ${value}` : "";
    const remedy = supported === undefined ? "leave it out" : `only ${supported} is`;
    throw new CliError("usage", `--${name}${shown} is not yet supported: ${remedy}`);
  }
  if (bucket.endsWith("--x-s3") && values["bucket-type"] === undefined) {
    throw new CliError(
      "usage",
      `"${bucket}" is refused: directory buckets of S3 Express One Zone are not yet supported; name a bucket of another kind, or add --bucket-type general-purpose if it is one despite its name`,
    );
  }
}

/** The table with a word about each option that is refused, for those who read about it. */
export function withSupport(table: OptionTable): OptionTable {
  const entries = Object.entries(table).map(([name, option]) => {
    if (!Object.hasOwn(OPTIONS, name)) return [name, option] as const;
    const supported = OPTIONS[name as keyof typeof OPTIONS];
    const note =
      supported === undefined ? "Not yet supported." : `Only ${supported} is supported yet.`;
    return [name, { ...option, help: `${option.help} ${note}` }] as const;
  });
  return Object.fromEntries(entries);
}
