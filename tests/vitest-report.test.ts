import { join } from "node:path";
import { expect, it } from "vitest";
import { countsOfReport } from "../scripts/vitest-report.ts";
import { root } from "./system.ts";

const passed = { fullName: "store commits", status: "passed" };
const file = { name: join(root, "packages/a.test.ts"), status: "passed", message: "", assertionResults: [passed] };

it("counts what passed", () => {
  const report = { testResults: [file, file] };
  expect(countsOfReport(report, true)).toEqual({ passed: 2, failed: 0, skipped: 0, notPassed: [] });
});

it.each([
  [
    "a failed test, with the first line of its error",
    { status: "failed", failureMessages: ["expected 1 to be 2\n    at a.test.ts:7"] },
    "packages/a.test.ts > store reads: expected 1 to be 2",
  ],
  ["a test that was running when its process died", { status: "pending" }, "did not end (pending)"],
])("names %s", (_what, outcome, says) => {
  const assertionResults = [passed, { fullName: "store reads", ...outcome }];
  const counts = countsOfReport({ testResults: [{ ...file, status: "failed", assertionResults }] }, false);
  expect(counts).toMatchObject({ passed: 1, failed: 1, skipped: 0 });
  expect(counts.notPassed).toEqual([expect.stringContaining(says)]);
});

it("names a skipped test, without calling it failed", () => {
  const assertionResults = [passed, { fullName: "store reads", status: "skipped" }];
  expect(countsOfReport({ testResults: [{ ...file, assertionResults }] }, true)).toEqual({
    passed: 1,
    failed: 0,
    skipped: 1,
    notPassed: ["packages/a.test.ts > store reads: skipped"],
  });
});

it("counts a file that failed as a whole, and a run that ended badly for no test's sake, as one failure", () => {
  const unreadable = { ...file, status: "failed", message: "Unexpected token", assertionResults: [] };
  expect(countsOfReport({ testResults: [unreadable] }, false)).toMatchObject({
    failed: 1,
    notPassed: ["packages/a.test.ts: Unexpected token"],
  });
  expect(countsOfReport({ testResults: [file] }, false)).toMatchObject({ passed: 1, failed: 1 });
  expect(countsOfReport({ testResults: [] }, false)).toMatchObject({ passed: 0, failed: 1 });
});
