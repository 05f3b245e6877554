/**
 * `make bench-guard`: fails when a step has become more than 25 % dearer than recorded in `guard.json`. It compares what
 * neither other load nor another machine changes much: counts of a run without timing, and CPU time as a ratio to the bare
 * pipeline's, in turns. `RECORD=1` records what it finds.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Scenario, scenarios } from "../scenarios.ts";
import { countOnWire, countSteps } from "./counts.ts";
import { engineCpuRatio, wireCpuRatio } from "./cpu.ts";
import { type Figures, judge, table } from "./judge.ts";

const { values: flags } = parseArgs({
  options: { record: { type: "boolean", default: false } },
});
const file = join(import.meta.dirname, "guard.json");

const measured: Figures = {
  ...(await counts("chains-of-10", 1_000, 200)),
  ...(await counts("fan-out-of-10", 1_000, 100)),
  ...named("wire", { ...(await countOnWire(100)) }),
  ...named("single-steps", {
    engine_cpu_x_bare: await engineCpuRatio(scenarioOf("single-steps"), 2_000, 500, 100),
  }),
  ...named("chains-of-10", { engine_cpu_x_bare: await engineCpuRatio(scenarioOf("chains-of-10"), 500, 500, 70) }),
  ...named("wire", { cpu_x_bare: await wireCpuRatio(2_000) }),
};
if (flags.record) {
  writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`);
  console.log(`recorded in bench/guard.json:\n${table(judge(measured, measured))}`);
} else {
  const verdicts = judge(JSON.parse(readFileSync(file, "utf8")) as Figures, measured);
  console.log(table(verdicts));
  const lost = verdicts.filter(({ verdict }) => verdict === "lost" || verdict === "missing");
  if (verdicts.some(({ verdict }) => verdict === "gained"))
    console.log("gained: keep it with `make bench-guard RECORD=1`");
  if (lost.length > 0) {
    console.error(
      `${lost.length} of ${verdicts.length} figures are more than 25 % worse than bench/guard.json. Find out why`,
    );
    console.error("(`make bench SCENARIO=chains`); if the loss is meant, record it with `make bench-guard RECORD=1`.");
    process.exitCode = 1;
  }
}

async function counts(name: string, tasks: number, concurrency: number): Promise<Figures> {
  const figures = await countSteps(scenarioOf(name), tasks, concurrency);
  return named(name, { ...figures });
}

function named(scenario: string, figures: Figures): Figures {
  const round = (value: number) => Number(value.toPrecision(4));
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${scenario}: ${name}`, round(value)]));
}

function scenarioOf(name: string): Scenario {
  return scenarios.find((scenario) => scenario.name === name)!;
}
