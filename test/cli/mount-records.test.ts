/** Records of mounts as other users may have left them: nothing in them is believed unseen. */

import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { parseMountCommand } from "../../src/cli/mount-command.ts";
import { isRunning, ownIdentity } from "../../src/cli/mounts/process-identity.ts";
import { RecordKeeper, readAgain, readRecords } from "../../src/cli/mounts/record.ts";
import { succeed } from "../rigs/child.ts";
import { isRoot, OWN_UID, testAsRoot } from "../rigs/root.ts";
import { Scratch } from "../rigs/scratch.ts";

const UID = isRoot ? 54_321 : OWN_UID;
const otherUserTest = testAsRoot("files of several users");
const RECORD = {
  server: { pid: 1, startTicks: "5", pidNamespace: "pid:[1]" },
  device: "0:99",
  directory: "/mnt",
  bucket: "bucket",
  prefix: "",
  since: "2026-01-01T00:00:00.000Z",
  flags: ["--allow-other"],
  uploadTimeoutMs: 1,
};

let scratch: Scratch;
let runtime: string;
let place: string;

beforeEach(() => {
  scratch = new Scratch();
  runtime = scratch.makeDirectory("runtime");
  place = join(runtime, "mount-s3-ts");
  mkdirSync(place, { mode: 0o700 });
  chownSync(place, UID, UID);
});

afterEach(() => scratch.close());

function write(name: string, content: string, uid = UID): string {
  const path = join(place, name);
  writeFileSync(path, content);
  chownSync(path, uid, uid);
  return path;
}

function read() {
  const records = readRecords(UID, { XDG_RUNTIME_DIR: runtime });
  // A user who has mounted something has others, elsewhere.
  return records.filter(({ path }) => path.startsWith(runtime));
}

describe("a record", () => {
  test("is read where its user may have put it", () => {
    const path = write("0:99.json", JSON.stringify(RECORD));
    expect(read()).toEqual([{ ...RECORD, path, uid: UID }]);
  });

  test("is told from one that replaced it", () => {
    write("0:99.json", JSON.stringify(RECORD));
    const [record] = read();
    if (record === undefined) throw new Error("no record");
    expect(readAgain(record)).toEqual(RECORD);
    write(
      "0:99.json",
      JSON.stringify({ ...RECORD, server: { ...RECORD.server, startTicks: "6" } }),
    );
    expect(readAgain(record)).toBeUndefined();
  });

  test("stays when the device has gone to the next mount already", () => {
    const parsed = parseMountCommand(["bucket", scratch.directory], {
      workingDirectory: "/",
      uid: OWN_UID,
      gid: OWN_UID,
      pidFile: undefined,
    });
    if (parsed.kind !== "mount") throw new Error("not a mount");
    const device = `test:${process.pid}`;
    const surroundings = { environment: { XDG_RUNTIME_DIR: runtime }, log: silentLog };
    const keeper = RecordKeeper.begin(device, parsed.options, surroundings);
    const found = () =>
      readRecords(OWN_UID, surroundings.environment).filter((each) => each.device === device);
    const [own] = found();
    if (own === undefined) throw new Error("no record");
    const next = join(dirname(own.path), `${device}.1.json`);
    writeFileSync(next, JSON.stringify({ ...RECORD, device }));
    keeper?.end(1);
    expect(found().map(({ lostCount }) => lostCount)).toEqual(
      expect.arrayContaining([1, undefined]),
    );
    keeper?.end(0);
    expect(found()).toMatchObject([{ path: next }]);
    rmSync(next);
  });

  test.each([
    ["no JSON", "{"],
    ["no object", "null"],
    ["empty", ""],
    ["without a server", JSON.stringify({ ...RECORD, server: undefined })],
    ["with a server of another shape", JSON.stringify({ ...RECORD, server: { pid: "1" } })],
    ["with flags of another shape", JSON.stringify({ ...RECORD, flags: [1] })],
    ["without a bucket", JSON.stringify({ ...RECORD, bucket: null })],
    ["too long", JSON.stringify({ ...RECORD, bucket: "b".repeat(70_000) })],
  ])("that is %s is passed over", (_, content) => {
    write("0:99.json", content);
    expect(read()).toEqual([]);
  });

  otherUserTest("of another user is passed over", () => {
    write("0:99.json", JSON.stringify(RECORD), UID + 1);
    expect(read()).toEqual([]);
  });

  test("that is a link or a pipe is passed over, without waiting for a writer", async () => {
    const target = join(runtime, "target");
    writeFileSync(target, JSON.stringify(RECORD));
    chownSync(target, UID, UID);
    symlinkSync(target, join(place, "0:1.json"));
    await succeed("mkfifo", [join(place, "0:2.json")]);
    expect(read()).toEqual([]);
  });

  test("in a directory that others may write is passed over", () => {
    write("0:99.json", JSON.stringify(RECORD));
    chmodSync(place, 0o777);
    expect(read()).toEqual([]);
  });
});

describe("a process", () => {
  test("is known by its start, and not sought in other namespaces", () => {
    const own = ownIdentity();
    expect(isRunning(own)).toBe(true);
    expect(isRunning({ ...own, startTicks: "1" })).toBe(false);
    expect(isRunning({ ...own, pid: 0x7fff_ffff })).toBe(false);
    expect(isRunning({ ...own, pidNamespace: "pid:[1]" })).toBeUndefined();
  });
});
