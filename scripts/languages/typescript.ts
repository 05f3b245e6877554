/**
 * TypeScript: `make setup` brought its Node, so it is always there. Its suite is the whole repository's vitest, which has to show
 * every fault of the fault table.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { faultsNotShown } from "../fault-coverage.ts";
import { countsOfReport, type VitestReport } from "../vitest-report.ts";
import { type Counts, type Language, root, run, sum } from "./language.ts";

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
  const notShown = faultsNotShown(report.testResults.flatMap(({ assertionResults }) => assertionResults));
  const faults = { passed: 0, failed: notShown.length, skipped: 0, notPassed: notShown };
  return sum(countsOfReport(report, endedWell), faults);
}

function readReport(path: string): VitestReport {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as VitestReport;
  } catch {
    console.error("vitest wrote no report; what it printed is above");
    return { testResults: [] };
  }
}
