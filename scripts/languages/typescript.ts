/**
 * TypeScript: `make setup` brought its Node, so it is always there. Its suite is the whole repository's vitest, which has to show
 * every fault of the fault table.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { faultsNotShown, type TestOutcome } from "../fault-coverage.ts";
import { type Counts, type Language, root, run } from "./language.ts";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly assertionResults: readonly TestOutcome[] }[];
}

export const typescript: Language = {
  name: "typescript",
  missing: () => undefined,
  setUp() {},
  check: () => run(".", "npm", ["run", "--silent", "check"]),
  test,
  command: (program) => ({ command: process.execPath, args: [join(root, `${program}.ts`)] }),
};

function test(): Counts {
  const folder = mkdtempSync(join(tmpdir(), "tasker-tests-"));
  const file = join(folder, "report.json");
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const endedWell = run(".", process.execPath, [vitest, "run", ...reporters]);
  const report = readReport(file);
  rmSync(folder, { recursive: true, force: true });
  const broken = !endedWell && report.numFailedTests === 0 ? Math.max(1, report.numFailedTestSuites) : 0;
  const notShown = faultsNotShown(report.testResults.flatMap(({ assertionResults }) => assertionResults));
  for (const text of notShown) console.error(text);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken + notShown.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    console.error("vitest wrote no report; what it printed is above");
    return {
      numPassedTests: 0,
      numFailedTests: 0,
      numFailedTestSuites: 1,
      numPendingTests: 0,
      numTodoTests: 0,
      testResults: [],
    };
  }
}
