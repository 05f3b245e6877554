/**
 * Whether a run of the tests has shown every fault of the fault table: a test that shows fault 7 has `fault 7: ` in its
 * name, or in that of the group it is in.
 */
import { faultTable } from "../chaos/fault-table.ts";

/** A test as vitest's JSON report has it. */
export interface TestOutcome {
  readonly fullName: string;
  readonly status: string;
}

/** @returns what is missing, a line for each; empty: every fault that can be shown was */
export function faultsNotShown(tests: readonly TestOutcome[]): string[] {
  const byFault = new Map<number, string[]>();
  for (const { fullName, status } of tests) {
    for (const [, number] of fullName.matchAll(/\bfault (\d+): /g)) {
      byFault.set(Number(number), [...(byFault.get(Number(number)) ?? []), status]);
    }
  }
  const known = new Set(faultTable.map(({ number }) => number));
  const strange = [...byFault.keys()].filter((number) => !known.has(number));
  const missing = faultTable.flatMap(({ number, fault, later }) => {
    const outcomes = byFault.get(number) ?? [];
    if (outcomes.includes("passed") || (later !== null && outcomes.length === 0)) return [];
    const what = outcomes.length === 0 ? "no test names it" : `its tests ended as ${[...new Set(outcomes)].join(", ")}`;
    return [`fault ${number} (${fault}): ${what}`];
  });
  return [
    ...missing,
    ...strange.map((number) => `fault ${number} is in the name of a test, and not in the fault table`),
  ];
}
