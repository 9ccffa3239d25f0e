/** Opens the first files of a directory, says so, and holds them until its input ends: FOLDER COUNT. */

import { opendirSync, openSync } from "node:fs";
import { join } from "node:path";

const [folder = "", count] = process.argv.slice(2);
const directory = opendirSync(folder);
for (let held = 0; held < Number(count); ) {
  const entry = directory.readSync();
  if (entry === null) throw new Error(`${folder} has only ${held} files`);
  if (!entry.isFile()) continue;
  openSync(join(folder, entry.name), "r");
  held++;
}
directory.closeSync();
process.stdout.write("held\n");
process.stdin.resume().once("end", () => process.exit(0));
