import { defineConfig } from "vitest/config";

/** Tests sit beside the source; whole-system tests, which start real processes, are in `tests/`. */
export default defineConfig({
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "apps/*/src/**/*.test.ts",
      "workers/typescript/src/**/*.test.ts",
      "conformance/src/**/*.test.ts",
      "examples/**/*.test.ts",
      "tests/**/*.test.ts",
      "simulation/*.test.ts",
      "bench/**/*.test.ts",
      "fuzz/*.test.ts",
      "chaos/*.test.ts",
    ],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
