import { expect, test } from "vitest";
import { defaultDataThreads, processorsAllowed } from "../../src/mount/processors.ts";

function allowed(files: Readonly<Record<string, string>>): number {
  return processorsAllowed({ readFile: (path) => files[path] }, 8);
}

test.each([
  ["8 where no group limits them", {}, 8],
  ["8 where a group has no quota", { "/sys/fs/cgroup/pod/cpu.max": "max 100000\n" }, 8],
  ["half of one by its quota", { "/sys/fs/cgroup/pod/cpu.max": "50000 100000\n" }, 0.5],
  ["those of the group above, if fewer", { "/sys/fs/cgroup/cpu.max": "300000 100000\n" }, 3],
  ["8 where the quota is of more", { "/sys/fs/cgroup/cpu.max": "6400000 100000\n" }, 8],
  ["8 where a file makes no sense", { "/sys/fs/cgroup/cpu.max": "many\n" }, 8],
])("the processors are %s, version 2", (_, files, count) => {
  expect(allowed({ "/proc/self/cgroup": "0::/pod\n", ...files })).toBe(count);
});

test.each([
  ["1.5", "150000", 1.5],
  ["8", "-1", 8],
])("the processors are %s, version 1", (_, quota, count) => {
  expect(
    allowed({
      "/proc/self/cgroup": "4:memory:/\n3:cpu,cpuacct:/pod\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": `${quota}\n`,
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }),
  ).toBe(count);
});

test.each([
  ["none", 0.5, 0, 0],
  ["none", 3.9, 0, 0],
  ["one", 4, 1, 1],
  ["two", 8, 2, 2],
  ["as many as one thread can keep busy", 64, 3, 4],
])("of data threads there are %s with %d processors", (_, processors, plain, overTls) => {
  expect(defaultDataThreads(false, processors)).toBe(plain);
  expect(defaultDataThreads(true, processors)).toBe(overTls);
});
