/**
 * Runs every test suite and ends with the plain line `N passed, N failed` (with the skipped, where there are any).
 * With CI=true a skipped test is a failure: what was not run was not shown.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
}

const folder = mkdtempSync(join(tmpdir(), "tasker-tests-"));
const file = join(folder, "report.json");
const vitest = join(import.meta.dirname, "../node_modules/vitest/vitest.mjs");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
const run = spawnSync(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)], { stdio: "inherit" });

const report = readReport(file);
rmSync(folder, { recursive: true, force: true });
const skipped = report.numPendingTests + report.numTodoTests;
const broken = run.status !== 0 && report.numFailedTests === 0 ? Math.max(1, report.numFailedTestSuites) : 0;
const failed = report.numFailedTests + broken;
if (skipped > 0 && process.env.CI === "true") console.error(`${skipped} skipped: in CI every test has to run`);
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failed > 0 || (skipped > 0 && process.env.CI === "true") ? 1 : 0);

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    console.error("the test runner wrote no report; what it printed is above");
    return {
      numPassedTests: 0,
      numFailedTests: 0,
      numFailedTestSuites: 1,
      numPendingTests: 0,
      numTodoTests: 0,
      success: false,
    };
  }
}
