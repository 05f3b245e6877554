/** Every case once, on a short scale. The long runs are by hand: `make chaos MINUTES=10`. */
import { describe, expect, test } from "vitest";
import { allCases } from "./cases/all.ts";
import { faultOf } from "./fault-table.ts";
import { runCase } from "./run-case.ts";

/** Far more than a case needs, also on a busy machine. */
const longestMs = 300_000;

describe.concurrent("chaos", () => {
  test.each(allCases.map((chaosCase) => [chaosCase.number, faultOf(chaosCase.number).fault, chaosCase] as const))(
    "fault %i: %s",
    { timeout: longestMs },
    async (_number, _fault, chaosCase) => {
      const { skipped, broken } = await runCase(chaosCase, "short", 1);
      expect(skipped, "what this machine cannot do").toBeNull();
      expect(broken).toEqual([]);
    },
  );
});
