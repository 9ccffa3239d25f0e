/**
 * Joins the programs and what they load into few files, dist/program/: resolving a hundred small
 * modules takes longer than running them, and a mount is expected to be there at once. For the same
 * reason they are CommonJS, which Node starts sooner, and what is outside, Node's modules and packages,
 * is loaded when it is used first.
 */

import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { build } from "rolldown";

const OUTPUT = "dist/program";

const SETTINGS = {
  platform: "node",
  // Packages stay outside, but for the one that each mount begins with.
  external: /^(?!node-gyp-build)(?:node:|@?[a-z])/,
  // That what serves a mount is loaded late pays although other commands load it at once.
  checks: { ineffectiveDynamicImport: false },
  logLevel: "warn",
};

const FORMAT = {
  dir: OUTPUT,
  format: "cjs",
  chunkFileNames: "[name].js",
  strict: true,
  comments: false,
};

/** `let node_fs = require("node:fs");`, behind which may be the line that makes a default export of it. */
const OUTSIDE =
  /^let (\w+) = require\("([^".][^"]*)"\);\n(?:\1 = ((?:\w+\.)?__toESM)\(\1(, 1)?\);\n)?/gm;

/** What another file takes is a getter, for values that change; ours do not. */
const GETTER =
  /^Object\.defineProperty\(exports, "(\w+)", \{\s*enumerable: true,\s*get: function\(\) \{\s*return (\w+);\s*\}\s*\}\);/gm;

function quicker(code) {
  const outside = [];
  const declared = code
    .replace(OUTSIDE, (_, name, specifier, toEsm, mode = "") => {
      outside.push(name);
      const module = `require("${specifier}")`;
      const value = toEsm === undefined ? module : `${toEsm}(${module}${mode})`;
      return `let ${name}_loaded;\nconst ${name} = () => ${name}_loaded ??= ${value};\n`;
    })
    .replace(GETTER, "exports.$1 = $2;")
    // See src/cli/code-cache.ts.
    .replace(/\bimport\((?=")/g, "(require.dynamicImport ?? ((name) => import(name)))(")
    // A file of one byte a character needs no decoding.
    .replace(/[^\0-\x7f]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
  return outside.reduce((text, name) => {
    const member = new RegExp(`(new )?(?<!\\w|\\$|(?<!\\.\\.)\\.)${name}((?:\\.\\w+)+)`, "g");
    return text.replace(member, (_, made, path) =>
      made ? `new (${name}()${path})` : `${name}()${path}`,
    );
  }, declared);
}

rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(OUTPUT, { recursive: true });
const { output } = await build({
  ...SETTINGS,
  write: false,
  input: {
    command: "src/cli/main.ts",
    "service-daemon": "src/cli/daemon.ts",
    "sandbox-process": "src/cli/demo/sandbox-process.ts",
    "load-process": "src/cli/bench/load-process.ts",
  },
  output: {
    ...FORMAT,
    // What every command loads, and what a mount loads besides.
    codeSplitting: {
      groups: [
        {
          name: "common",
          test: /rolldown\/runtime|src\/(?:base\/|cli\/(?:error|mount-point|daemon-channel)\.ts)/,
        },
        {
          name: "service",
          test: /src\/(?:cli\/(?:serve|log-choice|mounts\/record)\.ts|(?!base|cli|sandbox)\w+\/)/,
        },
      ],
    },
  },
});
const runtime = output.find(({ fileName }) => fileName === "rolldown-runtime.js");
for (const { fileName, code } of output) {
  if (fileName === runtime.fileName) continue;
  // So little needs no file of its own.
  const inlined = `((exports) => {\n${quicker(runtime.code)}return exports;\n})({})`;
  const whole = quicker(code).replace(`require("./${runtime.fileName}")`, () => inlined);
  writeFileSync(`${OUTPUT}/${fileName}`, whole);
}
copyFileSync("node_modules/node-gyp-build/LICENSE", `${OUTPUT}/node-gyp-build.LICENSE`);
for (const [name, program] of Object.entries({ main: "start-main", daemon: "start-daemon" })) {
  await build({ ...SETTINGS, input: { [name]: `src/cli/${program}.ts` }, output: FORMAT });
}
writeFileSync(`${OUTPUT}/package.json`, `${JSON.stringify({ type: "commonjs" })}\n`);
chmodSync(`${OUTPUT}/main.js`, 0o755);
