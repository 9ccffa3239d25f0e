/**
 * How the tests run. Mounts, servers and timings share one machine, so that test files do not run all
 * at once; a test that needs longer than the default says so itself.
 */

import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { minioPathOf } from "./scripts/cache-paths.mjs";

/** These mostly wait, for most of a minute: begun last, they would have everything wait. */
const FIRST = /\/(?:long-outage|rotation|ceph)\.test\.ts$/;

class WaitingFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isFirst = ({ moduleId }: TestSpecification): boolean => FIRST.test(moduleId);
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    env: {
      MINIO_BIN: minioPathOf(process.env),
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    },
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    sequence: { sequencer: WaitingFirst },
    // A run without tests is a broken run.
    passWithNoTests: false,
  },
});
