/**
 * How the tests run: several files at once, because most of what they do is waiting, for servers that
 * are away, for lifetimes of a second to pass, for processes to start and end.
 */

import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { minioPathOf } from "./scripts/cache-paths.mjs";

// Every Node of the hundreds that the tests start would read these certificates, and none needs them.
delete process.env["NODE_EXTRA_CA_CERTS"];

/**
 * The files that take longest, in the order in which they begin: begun last, one would have everything
 * wait. Those that mostly wait (*) stand between those that keep a processor busy.
 */
const LONGEST = [
  "mount/long-outage", // *
  "scenarios/mount-by-fuse-native",
  "scenarios/mount-over-sandbox",
  "credentials/ceph", // *
  "credentials/rotation", // *
  "scenarios/mount-over-minio",
  "model/mounted", // *
  "programs/programs",
  "mount/stalls", // *
  "scenarios/in-process",
  "scenarios/express-in-process",
  "scenarios/express-mount",
  "requests/requests", // *
  "programs/fio",
  "mount/bad-input", // *
  "bench/run",
  "mount/logging", // *
  "mount/many-writers",
].map((name) => `/test/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId, project }: TestSpecification): number => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(name));
      if (place !== -1) return place;
      // A process is handed from one file to the next, so that none of another kind may come between.
      return LONGEST.length + (project.config.isolate ? 0 : 1);
    };
    // A stable sort: the others stay in the order that they have.
    return (await super.sort(files)).sort((one, other) => placeOf(one) - placeOf(other));
  }
}

/** What a process does once, or has much of, belongs to one file: addons, memory, descriptors, limits. */
const ALONE = ["test/{native,scenarios,model,write}/**/*.test.ts"];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "alone", include: ALONE } },
      {
        extends: true,
        // To start a process and to load what all of them load takes longer than most of these files.
        test: { name: "shared", include: ["test/**/*.test.ts"], exclude: ALONE, isolate: false },
      },
    ],
    env: {
      MINIO_BIN: minioPathOf(process.env),
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    },
    // Only what hangs takes so long: no test may fail because the machine is busy.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // A run without tests is a broken run.
    passWithNoTests: false,
  },
});
