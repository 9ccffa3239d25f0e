/**
 * `npm run model`: compares the file system with the model of it for as many random operations as one
 * has time for, in process and on a kernel mount, and prints the shortest sequence that shows a
 * difference, with the command that shows it again.
 */

import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatSeconds } from "./setup-checks.mjs";

const HELP = `Compares the file system with the model of it, for random operations in random trees.

npm run model -- [--commands N] [--mounted N] [--seed N] [--only VARIANT] [--path PATH]

  --commands N     operations in process, on a bucket in memory (200000)
  --mounted N      operations on a kernel mount over the embedded endpoint (one for 40 in process;
                   5000 with --commands 0)
  --seed N         where chance begins; another one each time when absent, and always printed
  --only VARIANT   one way of mounting, by its name, or several, by how their names begin
  --path PATH      one sequence of the seed, as a failure names it

A difference is made as short as can be before it is told: in process that takes seconds, on a mount up to six
minutes. To see it again takes one run of the shortest sequence, which is seconds everywhere.

  npm run model                                       some minutes
  npm run model -- --commands 2000000 --seed 7        an hour or two, and the same again another time
  npm run model -- --commands 0 --mounted 20000       only on a kernel mount
  npm run model -- --only "a directory bucket"        only on S3 Express One Zone, as the sandbox has it
  npm run model -- --mounted 0 --seed 7 --path 12:0:3 --only alone
                                                      what a failure prints

Exit status: 0 when there was no difference, 1 when there was, 2 when the command line is wrong.`;

/** Between two signs of life. */
const BATCH = { commands: 20_000, mounted: 2_000 };
const MOUNTED_SHARE = 1 / 40;
const MOUNTED_ALONE = 5_000;
/** fast-check's seeds are numbers of 32 bits. */
const SEED_MAX = 2 ** 31 - 1;

function refuse(message) {
  console.error(`model: ${message}\n\n${HELP}`);
  process.exit(2);
}

function readOptions() {
  const text = { type: "string" };
  try {
    const { values } = parseArgs({
      options: {
        commands: text,
        mounted: text,
        seed: text,
        only: text,
        path: text,
        help: { type: "boolean", short: "h" },
      },
    });
    return values;
  } catch (error) {
    return refuse(error.message);
  }
}

function count(name, text, otherwise) {
  if (text === undefined) return otherwise;
  if (!/^\d{1,10}$/.test(text)) refuse(`--${name} takes a number from 0 on, not "${text}"`);
  return Number(text);
}

/** Resolves with what a test file printed, undefined when it passed. */
function run(file, environment) {
  return new Promise((resolve) => {
    const child = spawn("node_modules/.bin/vitest", ["run", "--no-color", file], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk) => {
        output += chunk;
      });
    }
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code) => resolve(code === 0 ? undefined : output));
  });
}

async function compare({ what, file, variable, total, batch, seed, once }) {
  const startMs = performance.now();
  for (let done = 0; done < total; done += batch) {
    const batchSeed = (seed + done) % SEED_MAX;
    const steps = Math.min(batch, total - done);
    const problem = await run(file, { [variable]: String(steps), MODEL_SEED: String(batchSeed) });
    if (problem !== undefined) {
      console.error(problem);
      console.error(`model: FAILED ${what}, in the batch with --seed ${batchSeed}: see above`);
      return false;
    }
    if (once) return true;
    const elapsed = formatSeconds(performance.now() - startMs);
    console.log(`model: ${done + steps} of ${total} operations ${what} compared, ${elapsed}`);
  }
  return true;
}

const options = readOptions();
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const commands = count("commands", options.commands, 200_000);
const mountedUsual = commands === 0 ? MOUNTED_ALONE : Math.ceil(commands * MOUNTED_SHARE);
const mounted = count("mounted", options.mounted, mountedUsual);
if (commands + mounted === 0) refuse("--commands 0 --mounted 0 leaves nothing to do");
const seed = count("seed", options.seed, Math.floor(Math.random() * SEED_MAX)) % SEED_MAX;
const once = options.path !== undefined;
if (once && options.seed === undefined) refuse("--path is a sequence of a --seed: name that, too");
if (options.only !== undefined) process.env.MODEL_ONLY = options.only;
if (once) process.env.MODEL_PATH = options.path;

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const setup = spawnSync(process.execPath, [join("scripts", "setup.mjs"), "model"], {
  stdio: "inherit",
});
if (setup.status !== 0) process.exit(1);

console.log(`model: the seed is ${seed}`);
const inProcess = { file: "test/model/in-process.test.ts", variable: "MODEL_STEPS" };
const onMount = { file: "test/model/mounted.test.ts", variable: "MODEL_MOUNTED_STEPS" };
const same =
  (await compare({
    what: "in process",
    ...inProcess,
    total: commands,
    batch: BATCH.commands,
    seed,
    once,
  })) &&
  (await compare({
    what: "on a mount",
    ...onMount,
    total: mounted,
    batch: BATCH.mounted,
    seed,
    once,
  }));
if (!same) process.exit(1);
console.log("model: no difference");
