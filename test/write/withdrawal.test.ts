import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { S3Error, type S3ErrorKind } from "../../src/s3/index.ts";
import { withdrawUpload } from "../../src/write/withdrawal.ts";

/** Withdraws an upload from a store that fails `failures` times and then succeeds. */
function withdrawFrom(failures: readonly S3ErrorKind[]) {
  const left = [...failures];
  const asked: string[] = [];
  const lines: string[] = [];
  const keep = (message: string): void => {
    lines.push(message);
  };
  const abortUpload = async (key: string, uploadId: string): Promise<void> => {
    asked.push(`${key} ${uploadId}`);
    const kind = left.shift();
    if (kind !== undefined) throw new S3Error("planned", { kind, operation: "Abort" });
  };
  const log = { ...silentLog, info: keep, warn: keep };
  const done = withdrawUpload({
    client: { abortUpload },
    log,
    key: "k",
    uploadId: "u",
    pauseMs: 1,
  });
  return { done, asked, lines };
}

test("parts that S3 removes at once are not talked about", async () => {
  const { asked, done, lines } = withdrawFrom([]);
  await done;
  expect(asked).toEqual(["k u"]);
  expect(lines).toEqual([]);
});

test("a server that is away is asked again in the background until the parts are gone", async () => {
  const { asked, done, lines } = withdrawFrom(["network", "timeout", "server-error"]);
  await done;
  expect(asked).toHaveLength(1);
  expect(lines).toEqual([
    expect.stringMatching(/^the parts of .*"k" stay .* until this mount, when/),
  ]);
  await expect.poll(() => lines.at(-1)).toBe('the parts of the failed upload of "k" are removed');
  expect(asked).toHaveLength(4);
});

test("what does not pass is told once and not tried again", async () => {
  const { asked, done, lines } = withdrawFrom(["network", "access-denied", "network"]);
  await done;
  await expect.poll(() => asked.length).toBe(2);
  expect(lines).toHaveLength(1);

  const denied = withdrawFrom(["access-denied"]);
  await denied.done;
  expect(denied.asked).toHaveLength(1);
  expect(denied.lines).toEqual([expect.stringMatching(/until a lifecycle rule or AbortMultipart/)]);
});
