/** What is understood but not yet done is refused, never ignored, and told in the help. */

import { expect, test } from "vitest";
import { parseCommand } from "../../src/cli/command.ts";

const INVOKER = { workingDirectory: "/work", uid: 1000, gid: 1001 };

function parse(...args: string[]) {
  return parseCommand(args, INVOKER);
}

test.each([
  [["bucket", "dir", "--bind=eth0"], "--bind eth0 is not yet supported: leave it out"],
  [["bucket", "dir", "--cache=/c"], "--cache /c is not yet supported: leave it out"],
])("%j is refused", (args, message) => {
  expect(() => parse(...args)).toThrow(message);
});

test("access points are named by ARN", () => {
  expect(parse("arn:aws:s3:us-east-1:123456789012:accesspoint/a", "dir").kind).toBe("mount");
});

test.each([
  ["bucket", "dir", "--bucket-type=general-purpose"],
  ["bucket", "dir", "--bucket-type=directory"],
  ["bucket--use1-az4--x-s3", "dir"],
  ["bucket--use1-az4--x-s3", "dir", "--bucket-type=general-purpose"],
])("%s in %s, with %s, is mounted", (...args) => {
  expect(parse(...args.filter((word) => word !== undefined)).kind).toBe("mount");
});

test("the help says so", () => {
  const help = parse("--help");
  const text = help.kind === "help" ? help.text.replaceAll(/\s+/g, " ") : "";
  expect(text).toContain("Network interface to send requests from. Not yet supported.");
});
