/**
 * The command behind `make simulate`. With SEED=n one run, told line by line; with SEEDS=n that many runs from BASE on
 * (random unless given). FAULTS=a,b leaves out all faults but these. Exits 1 when an invariant did not hold.
 */
import { type FaultName, faultNames, type Scenario } from "./scenario.ts";
import { type Outcome, simulate } from "./simulate.ts";

const defaultSeeds = 1_000;
const mostFailures = 5;
const progressEveryMs = 5_000;

const { SEED, SEEDS, BASE, FAULTS } = process.env;
const only = readFaults(FAULTS);
process.exitCode = SEED ? await runOne(readNumber("SEED", SEED)) : await runMany();

async function runOne(seed: number): Promise<number> {
  const outcome = await simulate(seed, { only, print: (line) => console.log(line) });
  console.log(`\n${describe(outcome.scenario)}`);
  console.log(summary(outcome));
  return outcome.violation === null ? 0 : 1;
}

async function runMany(): Promise<number> {
  const count = SEEDS ? readNumber("SEEDS", SEEDS) : defaultSeeds;
  const base = BASE ? readNumber("BASE", BASE) : Math.floor(Math.random() * 1e9);
  console.log(`${count} seeds from ${base} on`);
  const startedAt = performance.now();
  let [failures, commits, executions, reportedAt] = [0, 0, 0, startedAt];
  for (let done = 0; done < count && failures < mostFailures; done++) {
    const outcome = await simulate(base + done, { only });
    commits += outcome.commits;
    executions += outcome.executions;
    if (outcome.violation !== null) {
      failures++;
      tellFailure(outcome);
    }
    if (performance.now() - reportedAt < progressEveryMs) continue;
    reportedAt = performance.now();
    console.log(`${done + 1} seeds, ${failures} failed`);
  }
  const minutes = (performance.now() - startedAt) / 60_000;
  console.log(
    `${failures === 0 ? "every invariant held" : `${failures} seeds failed`}: ${count} seeds, ${commits} commits, ` +
      `${executions} executions, ${Math.round(count / minutes)} seeds a minute`,
  );
  return failures === 0 ? 0 : 1;
}

function tellFailure(outcome: Outcome): void {
  for (const line of outcome.tail) console.error(line);
  console.error(`${describe(outcome.scenario)}\n${summary(outcome)}`);
  const restriction = FAULTS ? ` FAULTS=${FAULTS}` : "";
  console.error(`again, with every line: make simulate SEED=${outcome.seed}${restriction}\n`);
}

function describe({ faults, workers, templates, chaosMs }: Scenario): string {
  const steps = templates.map((template) => template.steps.length).join(" + ");
  const crew = workers.map(({ name, protocol, capacity }) => `${name} (${protocol}, ${capacity} slots)`).join(", ");
  return `faults for ${chaosMs} ms: ${[...faults].join(", ") || "none"}\nworkers: ${crew}\ntemplates of ${steps} steps`;
}

function summary({ seed, violation, hash, tasks, commits, executions, simulatedMs }: Outcome): string {
  const figures = `${tasks} tasks, ${executions} executions, ${commits} commits in ${Math.round(simulatedMs)} ms; trace ${hash}`;
  return `seed ${seed}: ${violation === null ? "every invariant held" : violation.message}\n${figures}`;
}

function readNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  console.error(`${name}=${text}: expected a whole number`);
  process.exit(2);
}

function readFaults(text: string | undefined): readonly FaultName[] | null {
  if (!text) return null;
  const names = text.split(",");
  const unknown = names.find((name) => !faultNames.some((fault) => fault === name));
  if (unknown === undefined) return names as FaultName[];
  console.error(`FAULTS: ${unknown} is none of ${faultNames.join(", ")}`);
  process.exit(2);
}
