/** Where this package is, which version of it runs, and its programs for processes of their own. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The package's directory, from src/base/, from dist/base/ and from the bundle in dist/program/. */
export const PACKAGE_DIRECTORY = join(import.meta.dirname, "../..");

/** e.g. "1.2.3". */
export function packageVersion(): string {
  const text = readFileSync(join(PACKAGE_DIRECTORY, "package.json"), "utf8");
  const description: { readonly version?: string } = JSON.parse(text);
  return description.version ?? "";
}

/** The path of a program that scripts/bundle.mjs makes. */
export function programPath(name: "main" | "daemon" | "sandbox-process" | "load-process"): string {
  return join(PACKAGE_DIRECTORY, "dist/program", `${name}.js`);
}
