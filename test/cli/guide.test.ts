/**
 * The guide says what the tables of options say, no more and no less: the help, docs/CLI.md, the man
 * page, and the completions of shells, which run here as far as the shells are installed.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseCommand } from "../../src/cli/command.ts";
import { SHELLS } from "../../src/cli/completion-table.ts";
import { renderCompletion } from "../../src/cli/guide/completion.ts";
import { VARIABLES } from "../../src/cli/guide/environment.ts";
import { renderManPage } from "../../src/cli/guide/man-page.ts";
import { renderMarkdown } from "../../src/cli/guide/markdown.ts";
import { allPages } from "../../src/cli/guide/pages.ts";
import { renderHelp } from "../../src/cli/help.ts";
import { run, succeed } from "../rigs/child.ts";
import { Scratch } from "../rigs/scratch.ts";

const INVOKER = { workingDirectory: "/", uid: 1, gid: 1 };
const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
const pages = allPages();
const mountOptions = pages.flatMap(({ name, table }) => (name === "" ? Object.keys(table) : []));
const named = pages.map((page) => [page.name, page] as const);
const manPage = renderManPage(pages, version);
const markdown = renderMarkdown(pages);

function isInstalled(program: string): boolean {
  const directories = (process.env["PATH"] ?? "").split(":");
  return directories.some((directory) => existsSync(join(directory, program)));
}

const installedShells = SHELLS.filter(isInstalled);

/** The first group of each match, in order. */
function found(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name = ""]) => name);
}

let scratch: Scratch;

beforeAll(() => {
  scratch = new Scratch();
});

afterAll(() => scratch.close());

test("docs/CLI.md is what the tables say", async () => {
  await expect(markdown).toMatchFileSnapshot("../../docs/CLI.md");
});

test("the man page of the package is what the tables say", () => {
  expect(readFileSync("dist/man/mount-s3-ts.1", "utf8")).toBe(manPage);
  const { man } = JSON.parse(readFileSync("package.json", "utf8")) as { man: string[] };
  // An array: npm links nothing else from a tarball.
  expect(man).toEqual(["dist/man/mount-s3-ts.1"]);
});

describe.each(named)(
  'the options of "mount-s3-ts %s"',
  (name, { table, help, takesMountOptions }) => {
    const options = Object.keys(table);
    const ofMount = mountOptions.filter((option) => !["foreground", "version"].includes(option));
    const completed = new Set(takesMountOptions ? [...ofMount, ...options] : options);

    test("are all in its help", () => {
      const shown = found(renderHelp(table, help), /^ {2}(?: {4}|-\w, )--([\w-]+)/gm);
      expect(new Set(shown)).toEqual(new Set(options));
    });

    test("are all in docs/CLI.md", () => {
      const heading = `## mount-s3-ts ${name}`.trim();
      const [, chapter = ""] = markdown.split(`\n${heading}\n`);
      const [text = ""] = chapter.split("\n## ");
      expect(new Set(found(text, /^\| `(?:-\w, )?--([\w-]+)/gm))).toEqual(new Set(options));
    });

    test("are all in the man page", () => {
      const heading = name === "" ? "DESCRIPTION" : `THE COMMAND ${name.toUpperCase()}`;
      const [, chapter = ""] = manPage.split(`\n.SH "${heading}"\n`);
      const [text = ""] = chapter.split("\n.SH ");
      const shown = found(text, /^(?:\\fB\\-\w\\fR, )?\\fB\\-\\-([\w\\-]+)\\fR/gm);
      expect(new Set(shown.map((option) => option.replaceAll("\\", "")))).toEqual(new Set(options));
    });

    test("are all completed by bash", () => {
      const [list = ""] = found(
        renderCompletion("bash"),
        new RegExp(`^ {8}"${name}"\\) kind="words:(-[^"]*)"`, "gm"),
      );
      expect(new Set(found(list, /--([\w-]+)/g))).toEqual(completed);
    });

    test("are all completed by fish", () => {
      const condition = `__mount_s3_ts_command ${name}`.trim();
      const lines = renderCompletion("fish")
        .split("\n")
        .filter((line) => line.includes(`-n '${condition}'`));
      expect(new Set(found(lines.join("\n"), / -l ([\w-]+)/g))).toEqual(completed);
    });

    test("are all completed by zsh", () => {
      const script = renderCompletion("zsh");
      const start = name === "" ? script.lastIndexOf("  fi\n") : script.indexOf(`      ${name})\n`);
      const end = script.indexOf(name === "" ? "\n}\n" : "return", start);
      const specs = script.slice(start, end);
      expect(new Set(found(specs, /'(?:\*|\([^)]*\))--([\w-]+)/g))).toEqual(completed);
    });

    test("are all known to the parser, and --help among them shows the help", () => {
      if (!options.includes("help")) return expect(name).toBe("demo");
      const words = name === "" ? [] : [name];
      expect(parseCommand([...words, "--help"], INVOKER)).toEqual({
        kind: "help",
        text: renderHelp(table, help),
      });
    });
  },
);

test("the man page begins with every way of calling the program", () => {
  const [synopsis = ""] = found(manPage, /^\.SH SYNOPSIS\n((?:[^.].*\n|\.br\n)*)/gm);
  for (const { name } of pages) expect(synopsis).toContain(`mount\\-s3\\-ts ${name}`.trim());
});

test("every variable that mount-s3 reads is told", () => {
  const told = VARIABLES.flatMap(({ names }) => names);
  expect(told).toEqual(
    expect.arrayContaining([
      ...["AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS"],
      ...["AWS_EC2_METADATA_DISABLED", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
      ...["AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"],
      ...["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"],
      ...["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
      ...["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
      ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "MOUNTPOINT_LOG"],
      ...[
        "MAX_PREFETCH_WINDOW_SIZE",
        "MAX_BACKGROUND",
        "CONGESTION_THRESHOLD",
        "CLONE_FUSE_FD",
      ].map((name) => `UNSTABLE_MOUNTPOINT_${name}`),
      ...["DISABLE_CACHE_CLEANUP", "CACHE_KEY", "PID_FILE"].map(
        (name) => `UNSTABLE_MOUNTPOINT_${name}`,
      ),
      ...["UNSTABLE_CRT_EVENTLOOP_THREADS", "_RJEM_MALLOC_CONF"],
    ]),
  );
});

test.each(
  [
    ["groff", ["-ww", "-man", "-Tutf8", "-z"]] as const,
    ["mandoc", ["-T", "lint", "-W", "warning"]] as const,
  ].filter(([program]) => isInstalled(program)),
)("%s finds nothing wrong with the man page", async (program, args) => {
  const path = join(scratch.makeDirectory("man"), "mount-s3-ts.1");
  writeFileSync(path, manPage);
  const { code, stdout, stderr } = await run(program, [...args, path]);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("the man page shows no text as a request, and every hyphen as one", () => {
  const requests = found(manPage, /^\.(\S+)/gm);
  const known = [
    "TH",
    "SH",
    "SS",
    "TP",
    "PP",
    "RS",
    "RE",
    "nf",
    "fi",
    "br",
    "nh",
    "ad",
    "BR",
    '\\"',
  ];
  expect(requests.filter((request) => !known.includes(request))).toEqual([]);
  expect(manPage).not.toMatch(/^'/m);
});

describe.each(installedShells)("%s", (shell) => {
  let script = "";
  let directory = "";

  beforeAll(() => {
    directory = scratch.makeDirectory("shell");
    script = join(directory, "completion");
    writeFileSync(script, renderCompletion(shell));
    mkdirSync(join(directory, "sub-one"));
    writeFileSync(join(directory, "file.pem"), "");
  });

  test("takes the script", async () => {
    expect(await run(shell, ["-n", script])).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  if (shell === "zsh") return;

  /** What the shell offers where \`line\` ends, without what is typed already and cannot be cut. */
  async function completions(line: string): Promise<readonly string[]> {
    const code =
      shell === "bash"
        ? `source "$1"; COMP_LINE=$2; COMP_POINT=\${#2}; _mount_s3_ts; printf '%s\\n' "\${COMPREPLY[@]}"`
        : `source $argv[1]; complete -C $argv[2]`;
    const args = shell === "bash" ? ["-c", code, shell] : ["--no-config", "-c", code];
    const output = await succeed(shell, [...args, script, line], {
      cwd: directory,
      env: { PATH: process.env["PATH"], HOME: directory },
    });
    // fish describes behind a tab, marks directories, and repeats what bash leaves standing.
    return output
      .split("\n")
      .map((text) => text.replace(/\t.*|\/(?=\t|$)/g, "").replace(/^--[\w-]+=(?:aws:)?/, ""))
      .filter((text) => text !== "")
      .sort((one, other) => one.localeCompare(other));
  }

  test.each([
    ["mount-s3-ts de", ["demo"]],
    ["mount-s3-ts bucket dir --sse", ["--sse", "--sse-kms-key-id"]],
    ["mount-s3-ts bucket dir --upload-checksums ", ["crc32c", "crc64nvme", "off"]],
    ["mount-s3-ts bucket dir --upload-checksums=crc6", ["crc64nvme"]],
    ["mount-s3-ts bucket dir --sse=aws:", ["kms", "kms:dsse"]],
    ["mount-s3-ts bucket s", ["sub-one"]],
    ["mount-s3-ts exec bucket dir --allow-d", ["--allow-delete"]],
    ["mount-s3-ts exec bucket dir --fore", []],
    ["mount-s3-ts doctor bucket --sse ", ["AES256", "aws:kms", "aws:kms:dsse"]],
    ["mount-s3-ts bucket dir --cache=s", ["sub-one"]],
    ["mount-s3-ts bucket dir -l s", ["sub-one"]],
    ["mount-s3-ts bucket dir --ca-bundle f", ["file.pem"]],
    ["mount-s3-ts bucket dir --uid ", []],
    ["mount-s3-ts sandbox --ba", ["--bandwidth"]],
    ["mount-s3-ts unmount s", ["sub-one"]],
    ["mount-s3-ts completion z", ["zsh"]],
  ])("completes %j", async (line, expected) => {
    expect(await completions(line)).toEqual(expected);
  });
});
