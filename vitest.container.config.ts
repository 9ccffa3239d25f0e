/** How `npm run test:container` runs: real containers, of images that scripts/container-image.mjs has built. */

import { defineConfig } from "vitest/config";
import { minioPathOf } from "./scripts/cache-paths.mjs";

export default defineConfig({
  test: {
    include: ["test/container/*.spec.ts"],
    env: { MINIO_BIN: minioPathOf(process.env) },
    testTimeout: 120_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
  },
});
