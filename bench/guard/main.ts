/**
 * `make bench-guard`: fails when a step has become more than 25 % dearer than recorded in `guard.json`. It compares what
 * other load on the machine does not change: counts of a run without timing, and CPU time as a ratio to the bare
 * pipeline's, in turns. `RECORD=1` records what it finds.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../measurement.ts";
import { type Scenario, scenarios } from "../scenarios.ts";
import { type Pair, runPair } from "../turns.ts";
import { countSteps } from "./counts.ts";
import { type Figures, judge, table } from "./judge.ts";

const { values: flags } = parseArgs({
  options: { record: { type: "boolean", default: false }, rounds: { type: "string", default: "7" } },
});
const file = join(import.meta.dirname, "guard.json");

const measured: Figures = {
  ...(await counts("chains-of-10", 1_000, 200)),
  ...(await counts("fan-out-of-10", 1_000, 100)),
  ...(await cpuRatios("single-steps", 15_000)),
  ...(await cpuRatios("chains-of-10", 1_500)),
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

/** CPU per step of orchestrator and worker, as multiples of the bare pipeline's: the median of some rounds. */
async function cpuRatios(name: string, tasks: number): Promise<Figures> {
  const scenario: Scenario = { ...scenarioOf(name), load: { kind: "closed", tasks, concurrency: 500 } };
  const pairs: Pair[] = [];
  for (let round = 0; round < Number(flags.rounds); round++) pairs.push(await runPair(round, scenario));
  const ratio = (side: "orchestrator" | "worker") =>
    median(pairs.map(({ bare, tasker }) => tasker[side].cpuMicrosPerStep / bare[side].cpuMicrosPerStep));
  return named(name, { orchestrator_cpu_x_bare: ratio("orchestrator"), worker_cpu_x_bare: ratio("worker") });
}

function named(scenario: string, figures: Figures): Figures {
  const round = (value: number) => Number(value.toPrecision(4));
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${scenario}: ${name}`, round(value)]));
}

function scenarioOf(name: string): Scenario {
  return scenarios.find((scenario) => scenario.name === name)!;
}
