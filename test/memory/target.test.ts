import { describe, expect, test } from "vitest";
import { GIB, MIB } from "../../src/base/sizes.ts";
import { arenaBudget, defaultMemoryTarget, type MemorySource } from "../../src/memory/index.ts";

function machine(totalBytes: number, files: Readonly<Record<string, string>> = {}): MemorySource {
  return { totalBytes, readFile: (path) => files[path] };
}

describe("the default memory target", () => {
  test("is 95 % of the machine where no group limits it", () => {
    expect(defaultMemoryTarget(machine(100 * GIB))).toBe(95 * GIB);
  });

  test("is at least 512 MiB", () => {
    expect(defaultMemoryTarget(machine(256 * MIB))).toBe(512 * MIB);
  });

  test("follows the tightest limit on the way to the root, version 2", () => {
    const source = machine(64 * GIB, {
      "/proc/self/cgroup": "0::/user.slice/app.scope\n",
      "/sys/fs/cgroup/user.slice/app.scope/memory.max": "max\n",
      "/sys/fs/cgroup/user.slice/memory.max": `${2000 * MIB}\n`,
      "/sys/fs/cgroup/memory.max": `${4000 * MIB}\n`,
    });
    expect(defaultMemoryTarget(source)).toBe(1900 * MIB);
  });

  test("finds the limit of a container that sees only its own group", () => {
    const source = machine(64 * GIB, {
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/memory.max": `${1000 * MIB}\n`,
    });
    expect(defaultMemoryTarget(source)).toBe(950 * MIB);
  });

  test("follows version 1, where a path outside the container cannot be read", () => {
    const source = machine(64 * GIB, {
      "/proc/self/cgroup": "12:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": `${1000 * MIB}\n`,
    });
    expect(defaultMemoryTarget(source)).toBe(950 * MIB);
  });

  test("takes the huge number of version 1 for no limit", () => {
    const source = machine(100 * GIB, {
      "/proc/self/cgroup": "4:memory:/\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    });
    expect(defaultMemoryTarget(source)).toBe(95 * GIB);
  });

  test("reads this machine without failing", () => {
    expect(defaultMemoryTarget()).toBeGreaterThanOrEqual(512 * MIB);
  });
});

describe("the arena's budget", () => {
  test("leaves 128 MiB, or an eighth if that is more", () => {
    expect(arenaBudget(512 * MIB)).toBe(384 * MIB);
    expect(arenaBudget(GIB)).toBe(896 * MIB);
    expect(arenaBudget(8 * GIB)).toBe(7 * GIB);
  });
});
