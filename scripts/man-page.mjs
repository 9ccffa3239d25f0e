/** Writes dist/man/mount-s3-ts.1 from the compiled tables of options, after the compiler has run. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { renderManPage } from "../dist/cli/guide/man-page.js";
import { allPages } from "../dist/cli/guide/pages.js";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
mkdirSync("dist/man", { recursive: true });
writeFileSync("dist/man/mount-s3-ts.1", renderManPage(allPages(), version));
