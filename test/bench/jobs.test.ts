/** The jobs as data: names that scripts rely on, sets, and data sets that do not collide. */

import { describe, expect, test } from "vitest";
import { ALL_JOBS, findJob, SETS } from "../../bench/jobs/catalogue.ts";
import type { Job, ServerName } from "../../bench/jobs/job.ts";
import { SIZES } from "../../bench/jobs/sizes.ts";
import { SERVER_NAMES } from "../../bench/servers/catalogue.ts";

const isServer = (word: string): word is ServerName => SERVER_NAMES.some((name) => name === word);
const find = (name: string): Job | undefined => findJob(name, isServer);

describe("names", () => {
  test("are each of one job", () => {
    const names = ALL_JOBS.map((job) => job.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each([
    ...["seq-read", "seq-read-tls", "seq-read-4", "seq-read-20ms", "rand-4k-1", "rand-4k-4"],
    ...["rand-256k-1", "rand-256k-4", "seq-write", "create-50-20ms", "small-files", "ls", "ls-l"],
    "start",
  ])("%s is there, under the name that it always had", (name) => {
    expect(find(name)).toBeDefined();
  });

  test("say how far away the server is, and which one it is", () => {
    expect(find("ls")).toMatchObject({ name: "ls", delayMs: 0, server: "nginx" });
    expect(find("ls-50ms")).toMatchObject({ name: "ls-50ms", delayMs: 50, server: "nginx" });
    expect(find("ls@minio")).toMatchObject({ delayMs: 0, server: "minio" });
    expect(find("rand-4k-1-20ms@sandbox")).toMatchObject({ delayMs: 20, server: "sandbox" });
    expect(find("seq-read-tls")).toMatchObject({ delayMs: 0, server: "nginx-tls" });
    expect(find("seq-write-discard-4")).toMatchObject({ server: "discard", writes: true });
  });

  test.each(["", "nothing", "ls@nowhere", "ls-ms", "ls-20", "-20ms"])("%j is no job", (name) => {
    expect(find(name)).toBeUndefined();
  });
});

describe("sets", () => {
  test.each(Object.entries(SETS))("%s has only jobs that exist", (_, names) => {
    for (const name of names) expect(find(name), name).toBeDefined();
    expect(new Set(names).size).toBe(names.length);
  });

  test("published has what is published, with its parameters", () => {
    expect(SETS["published"]).toEqual(
      expect.arrayContaining([
        ...["seq_read", "seq_read_direct", "seq_read_4t", "seq_read_4t_direct", "seq_read_small"],
        ...["seq_read_direct_small", "seq_read_4t_small", "seq_read_4t_direct_small"],
        ...["seq_read_skip_17m", "rand_read", "rand_read_direct", "rand_read_4t"],
        ...["rand_read_4t_direct", "rand_read_small", "rand_read_direct_small"],
        ...["rand_read_4t_small", "rand_read_4t_direct_small", "seq_write", "seq_write_direct"],
        ...["mix_1r4w", "mix_2r2w", "mix_4r1w", "ttfb", "ttfb_small"],
        ...["time_to_write_one_byte_file", "create_files_100", "create_files_100000"],
      ]),
    );
    expect(find("seq_read")?.description).toMatch(/; published: 1553 MiB\/s$/);
    expect(find("rand_read_4t_direct")?.description).toBe(
      "fio --rw=randread --bs=256k --direct=1 --numjobs=4",
    );
  });
});

describe.each(Object.entries(SIZES))("data of the sizes %s", (_, sizes) => {
  const sets = ALL_JOBS.flatMap((job) => job.data?.(sizes) ?? []);

  test("is the same wherever it has the same prefix, since it is loaded once", () => {
    for (const set of sets) {
      const same = sets.filter((each) => each.prefix === set.prefix);
      for (const each of same) expect([each.count, each.bytes]).toEqual([set.count, set.bytes]);
    }
  });

  test("has keys below its prefix, and none below that of another", () => {
    const prefixes = new Set(sets.map((set) => set.prefix));
    for (const set of sets) {
      const last = set.key(set.count - 1);
      expect(last.startsWith(set.prefix)).toBe(true);
      expect([...prefixes].filter((prefix) => last.startsWith(prefix))).toEqual([set.prefix]);
      expect(set.bytes).toBeGreaterThanOrEqual(1);
      expect(Number.isInteger(set.bytes)).toBe(true);
    }
  });
});

test("jobs that write need a server that takes writes", () => {
  for (const job of ALL_JOBS) {
    if (job.writes) expect(job.server).not.toMatch(/nginx/);
    if (job.dataOfCell !== undefined) expect(job.writes).toBe(true);
  }
});
