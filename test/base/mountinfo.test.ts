/** What is mounted where, from lines as the kernel writes them. */

import { describe, expect, test } from "vitest";

import { findMount, parseMountinfo } from "../../src/base/mountinfo.ts";

const TEXT = `22 27 0:21 / /proc rw,relatime - proc proc rw
36 35 98:0 /mnt1 /mnt/with\\040space\\134and\\011tab rw,noatime master:1 shared:7 - ext3 /dev/root rw
42 27 0:39 / /mnt/s3 rw,nosuid,nodev,noatime - fuse.mount-s3-ts mount-s3-ts rw,user_id=0
43 27 0:40 / /mnt/other ro,noatime - fuse.mount-s3-ts mount-s3-ts rw,user_id=1000,group_id=5
`;

describe("parseMountinfo", () => {
  test("finds device, directory, type, owner and whether it is read-only, with and without optional fields", () => {
    expect(parseMountinfo(TEXT)).toEqual([
      { device: "0:21", directory: "/proc", type: "proc", readOnly: false, uid: undefined },
      {
        device: "98:0",
        directory: "/mnt/with space\\and\ttab",
        type: "ext3",
        readOnly: false,
        uid: undefined,
      },
      { device: "0:39", directory: "/mnt/s3", type: "fuse.mount-s3-ts", readOnly: false, uid: 0 },
      {
        device: "0:40",
        directory: "/mnt/other",
        type: "fuse.mount-s3-ts",
        readOnly: true,
        uid: 1000,
      },
    ]);
  });

  test("passes over what it does not understand", () => {
    expect(parseMountinfo("\n nonsense \n- -\n")).toEqual([]);
  });
});

describe("findMount", () => {
  test("finds /proc on this machine, and nothing where nothing is mounted", () => {
    expect(findMount("/proc")).toMatchObject({ type: "proc" });
    expect(findMount("/proc/self")).toBeUndefined();
  });
});
