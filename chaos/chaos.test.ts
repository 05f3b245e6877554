/** Every case once, on a short scale. The long runs are by hand: `make chaos MINUTES=10`. */
import { beforeAll, describe, test } from "vitest";
import { allCases } from "./cases/all.ts";
import { faultOf } from "./fault-table.ts";
import { runCase } from "./run-case.ts";
import { buildWorkers } from "./workers.ts";

/** Far more than a case needs, also on a busy machine. */
const longestMs = 400_000;

const named = allCases.map((chaosCase) => ({ chaosCase, ...faultOf(chaosCase.number) }));

beforeAll(buildWorkers, longestMs);

describe.concurrent("chaos", () => {
  test.for(named)("fault $number: $fault", { timeout: longestMs }, async ({ chaosCase }, context) => {
    const { skipped, broken } = await runCase(chaosCase, "short", 1);
    if (skipped !== null && process.env.CI !== "true") context.skip(skipped);
    context.expect(skipped, "what this machine cannot do").toBeNull();
    context.expect(broken).toEqual([]);
  });
});
