/** Which version of this program runs: that of its package.json. */

import { readFileSync } from "node:fs";

/** e.g. "1.2.3". */
export function packageVersion(): string {
  // The same place from src/base/, from dist/base/ and from the bundle in dist/mount/.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const description: { readonly version?: string } = JSON.parse(text);
  return description.version ?? "";
}
