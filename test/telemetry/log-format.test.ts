import { describe, expect, test } from "vitest";
import { formatJson, formatText, formatUntimed } from "../../src/telemetry/index.ts";
import type { LogRecord } from "../../src/telemetry/log-sink.ts";

function record(message: string, fields: LogRecord["fields"] = undefined): LogRecord {
  return { timeMs: 1_790_000_000_123, level: "warn", target: "fs", message, fields };
}

test("text has time, level, part and message; the system log's has no time", () => {
  expect(formatText(record("x"))).toBe("2026-09-21T14:13:20.123Z WARN fs: x");
  expect(formatUntimed(record("x"))).toBe("WARN fs: x");
});

describe("JSON", () => {
  test("has the same and the fields, one object a line", () => {
    const line = formatJson(
      record("x", { errno: "EPERM", key: "a/b", status: 403, code: undefined }),
    );
    expect(JSON.parse(line)).toEqual({
      time: "2026-09-21T14:13:20.123Z",
      level: "warn",
      target: "fs",
      message: "x",
      errno: "EPERM",
      key: "a/b",
      status: 403,
    });
  });

  test("stays one line of valid JSON whatever an object is called", () => {
    const key = 'a\nb"\\\r\u001b[31m\u0000\u007f\u0085\u2028\ud800';
    const line = formatJson(record(key, { key }));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
    expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/);
    expect(JSON.parse(line)).toMatchObject({ message: key, key });
  });
});

describe("a secret that a foreign message quotes", () => {
  const HEX = "0123456789abcdef".repeat(4);

  test.each([
    [`Credential=AKIAIOSFODNN7EXAMPLE/x, Signature=${HEX}`, "Credential=***MPLE/x, Signature=***"],
    [`?X-Amz-Signature=${HEX}&x=1`, "?X-Amz-Signature=***&x=1"],
    [`<SignatureProvided>${HEX}</SignatureProvided>`, "<SignatureProvided>***</SignatureProvided>"],
    ["x-amz-security-token: FwoGZXIvYXdz/x+y==", "x-amz-security-token: ***"],
    ['{"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG"}', '{"SecretAccessKey": "***"}'],
    ["aws_session_token=abc def", "aws_session_token=*** def"],
    ["proxy-authorization: Basic dXNlcjpwYXNz", "proxy-authorization: Basic ***"],
    [
      "connect to http://user:pa55@proxy:3128 failed",
      "connect to http://user:***@proxy:3128 failed",
    ],
  ])("is covered: %s", (message, covered) => {
    expect(formatUntimed(record(message))).toBe(`WARN fs: ${covered}`);
    expect(JSON.parse(formatJson(record(message))).message).toBe(covered);
  });

  test("is not confused with what only sounds like one", () => {
    const message = `SignatureDoesNotMatch: open of "sha256/${HEX}" at 10:20, s3://bucket/a@b`;
    expect(formatUntimed(record(message))).toBe(`WARN fs: ${message}`);
  });
});
