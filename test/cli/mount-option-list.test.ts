/** Options as /etc/fstab and Kubernetes write them, and the program as a helper of mount(8). */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCommand } from "../../src/cli/command.ts";
import { CliError } from "../../src/cli/error.ts";
import { argumentsOfList } from "../../src/cli/mount-option-list.ts";

const INVOKER = { workingDirectory: "/work", uid: 1000, gid: 1001 };

function parseMount(args: readonly string[], programPath?: string) {
  const command = parseCommand(args, INVOKER, programPath);
  if (command.kind !== "mount") throw new Error(`parsed as ${command.kind}`);
  return command;
}

function usageError(...args: string[]): string {
  try {
    parseCommand(args, INVOKER);
  } catch (error) {
    if (error instanceof CliError && error.kind === "usage") return error.message;
    throw error;
  }
  throw new Error(`accepted: ${args.join(" ")}`);
}

describe("a list of fstab", () => {
  test.each([
    ["", []],
    ["region=us-east-1", ["--region=us-east-1"]],
    ["region us-east-1", ["--region=us-east-1"]],
    ["ro,allow-delete", ["--read-only", "--allow-delete"]],
    ["rw,_netdev,nofail,auto,noauto,user,user=me,nouser,users,nodev,nosuid", []],
    ["x-systemd.automount,x-systemd.requires=network-online.target", []],
    ["defaults,noatime,relatime,exec,async,dev,suid,comment=x", []],
    ["noexec", ["--noexec"]],
    ["ro,,uid=1000", ["--read-only", "--uid=1000"]],
    ["ro, uid=1000", ["--read-only", "--uid=1000"]],
    [String.raw`prefix=a\,b\\c\"d/,gid=7`, [String.raw`--prefix=a,b\c"d/`, "--gid=7"]],
    ["prefix=a b=c/", ["--prefix=a b=c/"]],
    ["prefix= a/", ["--prefix= a/"]],
  ])("%j", (list, expected) => {
    expect(argumentsOfList(list)).toEqual(expected);
  });

  test("keeps any value that is escaped", () => {
    const value = fc.string({ unit: "grapheme" }).filter((text) => text !== "");
    fc.assert(
      fc.property(value, value, (one, other) => {
        const escaped = (text: string) => text.replace(/[\\,"]/g, "\\$&");
        expect(argumentsOfList(`prefix=${escaped(one)},region=${escaped(other)}`)).toEqual([
          `--prefix=${one}`,
          `--region=${other}`,
        ]);
      }),
    );
  });

  test("means what the flags mean, wherever it stands", () => {
    const expected = parseMount(["bucket", "dir", "--read-only", "--region=r", "--uid=7"]);
    expect(parseMount(["bucket", "dir", "-o", "region=r,ro,_netdev,uid=7"])).toEqual({
      ...expected,
    });
    expect(parseMount(["-o", "ro", "bucket", "-o", "region r", "dir", "-ouid=7"])).toEqual(
      expected,
    );
    expect(parseMount(["bucket", "dir", "-o", "ro,region=r", "--uid", "7"])).toEqual(expected);
  });

  test.each([
    ["ro,--region=x", "options have no dashes before them here: write region=x"],
    ["-d,ro", "write d"],
    ["-f", '"-f" cannot be asked for here'],
    ["--foreground", '"--foreground" cannot be asked for here'],
    ["ro,rw", '"ro" cannot be combined with "rw"'],
    ["rw,ro,_netdev", '"ro" cannot be combined with "rw"'],
    ["foreground", '"foreground" cannot be asked for here'],
    ["read-only", 'write "ro" instead of "read-only"'],
    ['prefix=a"b/', 'unexpected " at index 8'],
    [String.raw`prefix=a\qb/`, 'unexpected character behind a backslash, "q" at index 9'],
    ["prefix=a\\", "unexpected end behind a backslash"],
    ["alow-delete", "unknown option --alow-delete: did you mean --allow-delete?"],
    ["uid", "option --uid needs a value, but the command line ends: write --uid UID"],
    ["uid=0", '--uid "0" is refused'],
    ["allow-delete=yes", "option --allow-delete takes no value"],
    ["uid=1,uid=2", "option --uid was given twice"],
    ["cache=/c", "--cache /c is not yet supported"],
  ])("%j is refused", (list, expected) => {
    const message = usageError("bucket", "dir", "-o", list);
    expect(message).toContain(expected);
    expect(message).not.toContain("\n");
  });
});

describe("the mountOptions of a volume, each behind -o", () => {
  test.each([
    [
      ["allow-delete", "region ap-northeast-1"],
      ["--allow-delete", "--region=ap-northeast-1"],
    ],
    [
      ["uid=1000", "gid=2000", "allow-other", "allow-delete", "region ap-northeast-2"],
      ["--uid=1000", "--gid=2000", "--allow-other", "--allow-delete", "--region=ap-northeast-2"],
    ],
    [["--region us-west-2"], ["--region=us-west-2"]],
    [["--region=us-west-2"], ["--region=us-west-2"]],
    [
      ["--uid    1000", "prefix a/b=c/"],
      ["--uid=1000", "--prefix=a/b=c/"],
    ],
    [["--read-only"], ["--read-only"]],
    [["prefix=a b/"], ["--prefix=a b/"]],
    [
      ["-d", "-l logs/"],
      ["-d", "-l=logs/"],
    ],
  ])("%j", (options, expected) => {
    const behind = options.flatMap((option) => ["-o", option]);
    expect(parseMount(["bucket", "dir", ...behind])).toEqual(
      parseMount(["bucket", "dir", ...expected]),
    );
  });

  test("reach the mount", () => {
    const options = ["-d", "-l logs/", "prefix foo/", "--allow-delete", "region ap-northeast-2"];
    const behind = options.flatMap((option) => ["-o", option]);
    expect(parseMount(["bucket", "dir", ...behind])).toMatchObject({
      log: { debug: true, logDirectory: "/work/logs" },
      options: { prefix: "foo/", allowDelete: true, region: "ap-northeast-2" },
    });
  });
});
