/** What is mounted where, from lines as the kernel writes them. */

import { describe, expect, test } from "vitest";

import { findMount, parseMountinfo } from "../../src/fuse/mountinfo.ts";

const TEXT = `22 27 0:21 / /proc rw,relatime - proc proc rw
36 35 98:0 /mnt1 /mnt/with\\040space\\134and\\011tab rw,noatime master:1 shared:7 - ext3 /dev/root rw
42 27 0:39 / /mnt/s3 rw,nosuid,nodev,noatime - fuse.mount-s3-ts mount-s3-ts rw,user_id=0
`;

describe("parseMountinfo", () => {
  test("finds device, directory and type, with and without optional fields", () => {
    expect(parseMountinfo(TEXT)).toEqual([
      { device: "0:21", directory: "/proc", type: "proc" },
      { device: "98:0", directory: "/mnt/with space\\and\ttab", type: "ext3" },
      { device: "0:39", directory: "/mnt/s3", type: "fuse.mount-s3-ts" },
    ]);
  });

  test("passes over what it does not understand", () => {
    expect(parseMountinfo("\n nonsense \n- -\n")).toEqual([]);
  });
});

describe("findMount", () => {
  test("finds /proc on this machine, and nothing where nothing is mounted", async () => {
    expect(await findMount("/proc")).toMatchObject({ type: "proc" });
    expect(await findMount("/proc/self")).toBeUndefined();
  });
});
