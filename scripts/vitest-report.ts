/**
 * The counts of a run of vitest, from its JSON report. A test that did not end, since its process died, counts as failed, and so does
 * a file that failed as a whole.
 */
import { relative } from "node:path";
import type { TestOutcome } from "./fault-coverage.ts";
import { type Counts, judged, root, sum } from "./languages/language.ts";

export interface VitestReport {
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  /** Path of the file. */
  readonly name: string;
  readonly status: string;
  /** The error of the file itself, which belongs to none of its tests. */
  readonly message: string;
  readonly assertionResults: readonly (TestOutcome & { readonly failureMessages?: readonly string[] })[];
}

const none: Counts = { passed: 0, failed: 0, skipped: 0, notPassed: [] };

/** @param endedWell whether vitest itself said that all is well */
export function countsOfReport({ testResults }: VitestReport, endedWell: boolean): Counts {
  return judged(testResults.map(countsOfFile).reduce(sum, none), endedWell);
}

function countsOfFile({ name, status, message, assertionResults }: FileReport): Counts {
  const file = relative(root, name);
  const counts = assertionResults.map((test) => countsOfTest(file, test)).reduce(sum, none);
  if (status !== "failed" || counts.failed > 0) return counts;
  return sum(counts, failure(`${file}: ${firstLine(message) ?? "failed as a whole"}`));
}

function countsOfTest(
  file: string,
  { fullName, status, failureMessages = [] }: FileReport["assertionResults"][number],
) {
  const name = `${file} > ${fullName}`;
  switch (status) {
    case "passed":
      return { ...none, passed: 1 };
    case "skipped":
    case "todo":
      return { ...none, skipped: 1, notPassed: [`${name}: ${status}`] };
    case "failed":
      return failure(`${name}: ${firstLine(failureMessages[0]) ?? "failed"}`);
    default:
      return failure(`${name}: did not end (${status})`);
  }
}

function failure(text: string): Counts {
  return { ...none, failed: 1, notPassed: [text] };
}

function firstLine(text = ""): string | undefined {
  return text.split("\n", 1)[0] || undefined;
}
