import { expect, it } from "vitest";
import { faultTable } from "../chaos/fault-table.ts";
import { faultsNotShown } from "../scripts/fault-coverage.ts";

const shown = faultTable
  .filter(({ later }) => later === null)
  .map(({ number, fault }) => ({ fullName: `chaos fault ${number}: ${fault}`, status: "passed" }));

it("is content when a test that passed names each fault", () => {
  expect(faultsNotShown(shown)).toEqual([]);
});

it.each([
  ["nobody names", [], "fault 7 (a full disk): no test names it"],
  [
    "was skipped",
    [{ fullName: "fault 7: a full disk", status: "skipped" }],
    "fault 7 (a full disk): its tests ended as skipped",
  ],
])("misses a fault that %s", (_how, instead, says) => {
  const others = shown.filter(({ fullName }) => !fullName.includes("fault 7:"));
  expect(faultsNotShown([...others, ...instead])).toEqual([says]);
});

it("does not take fault 3 for shown by a test of fault 37, and knows a number that is none", () => {
  const others = shown.filter(({ fullName }) => !fullName.includes("fault 3:"));
  expect(faultsNotShown([...others, { fullName: "fault 99: what", status: "passed" }])).toEqual([
    "fault 3 (orchestrator killed between receiving a result and its commit): no test names it",
    "fault 99 is in the name of a test, and not in the fault table",
  ]);
});
