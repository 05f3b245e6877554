import { expect, it } from "vitest";
import { judge, table } from "./judge.ts";

const verdictsOf = (recorded: Record<string, number>, measured: Record<string, number>) =>
  judge(recorded, measured).map(({ verdict }) => verdict);

it("loses what is more than a quarter dearer, and keeps what is less", () => {
  expect(verdictsOf({ a: 100, b: 100 }, { a: 126, b: 124 })).toEqual(["lost", "kept"]);
});

it("gains what is as much cheaper", () => {
  expect(verdictsOf({ a: 100, b: 100 }, { a: 79, b: 81 })).toEqual(["gained", "kept"]);
});

it("does not pass a figure that was not measured, is not a number, or was never recorded", () => {
  expect(verdictsOf({ a: 1, b: 1 }, { b: Number.NaN, c: 1 })).toEqual(["missing", "missing", "missing"]);
});

it("shows each figure with its change", () => {
  expect(table(judge({ "chains: bytes": 1000 }, { "chains: bytes": 1100 }))).toMatch(
    /chains: bytes +1000 +1100 +10\.0 % +kept/,
  );
});
