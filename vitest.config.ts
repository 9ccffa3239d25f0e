/**
 * How the tests run. Mounts, servers and timings share one machine, so that test files do not run all
 * at once; a test that needs longer than the default says so itself.
 */

import { defineConfig } from "vitest/config";
import { minioPathOf } from "./scripts/cache-paths.mjs";

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
    // A run without tests is a broken run.
    passWithNoTests: false,
  },
});
