/** A share of the simulation for every test run. `make simulate` runs as many seeds as one likes. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mutations } from "./mutations.ts";
import regressions from "./regressions.json" with { type: "json" };
import { faultNames, scenarioOf } from "./scenario.ts";
import { type Outcome, simulate } from "./simulate.ts";

const seeds = 200;
const seedsPerTest = 50;

function explain({ seed, violation, tail }: Outcome): string {
  return `seed ${seed}: ${violation?.message}\n${tail.join("\n")}\nagain, with every line: make simulate SEED=${seed}`;
}

async function expectToHold(seed: number): Promise<void> {
  const outcome = await simulate(seed);
  expect(outcome.violation === null ? "every invariant held" : explain(outcome)).toBe("every invariant held");
}

describe("the simulation", () => {
  test.each(Array.from({ length: seeds / seedsPerTest }, (_, part) => 1 + part * seedsPerTest))(
    `holds every invariant with ${seedsPerTest} seeds from %i on`,
    async (first) => {
      for (let seed = first; seed < first + seedsPerTest; seed++) await expectToHold(seed);
    },
  );

  test.each(regressions)("holds with seed $seed: $found", async ({ seed }) => {
    await expectToHold(seed);
  });

  test("gives the same run for the same seed, to the last message", async () => {
    for (const seed of [3, 1_538]) {
      const first = await simulate(seed);
      const lines: string[] = [];
      const again = await simulate(seed, { print: (line) => lines.push(line) });
      expect(again.hash).toBe(first.hash);
      expect(again.events).toBe(first.events);
      expect(lines.length).toBeGreaterThan(100);
    }
  });

  test("uses every fault, every policy and both protocols within a hundred seeds", () => {
    const scenarios = Array.from({ length: 100 }, (_, seed) => scenarioOf(seed));
    const steps = scenarios.flatMap(({ templates }) => templates.flatMap((template) => template.steps));
    expect(new Set(scenarios.flatMap(({ faults }) => [...faults])).size).toBe(faultNames.length);
    expect(new Set(steps.map((step) => step.on_lost))).toEqual(new Set(["retry", "hold", "fail"]));
    expect(new Set(scenarios.flatMap(({ workers }) => workers.map(({ protocol }) => protocol))).size).toBe(2);
  });
});

describe("mutations", () => {
  test.each(mutations)("have their place in the source: $name", ({ file, find }) => {
    const source = readFileSync(join(import.meta.dirname, "..", file), "utf8");
    expect(source.split(find).length - 1, `places in ${file} of:\n${find}`).toBe(1);
  });

  test.each([
    ["effects before the commit", "reply-after-commit"],
    ["hold treated as retry", "hold-is-held"],
    ["a doubled batch runs twice", "lease-runs-once"],
  ])("are found: %s", (name, invariant) => {
    const flags = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "mutant.ts")];
    const mutant = spawnSync(process.execPath, [...flags, name, "200"], { encoding: "utf8" });
    expect(JSON.parse(mutant.stdout)).toMatchObject({ invariant });
  });
});
