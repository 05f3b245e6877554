/** Runs systems in turns, each measurement in a process of its own. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Measurement } from "./measurement.ts";
import type { Order, SystemName } from "./run-one.ts";
import type { Scenario } from "./scenarios.ts";

/** @throws Error when the run ends without a measurement; what it printed says why */
export async function runOne(system: SystemName, scenario: Scenario, store = "sqlite"): Promise<Measurement> {
  const order: Order = { system, scenario, store };
  const child = fork(join(import.meta.dirname, "run-one.ts"), {
    execArgv: [...process.execArgv, "--max-old-space-size=8192"],
  });
  child.send(order);
  const [answer] = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (typeof answer !== "object" || answer === null)
    throw new Error(`${system}, ${scenario.name}: the run ended with ${answer}`);
  await once(child, "exit");
  return answer as Measurement;
}

export interface Pair {
  readonly bare: Measurement;
  readonly tasker: Measurement;
}

/** One round. The other one goes first every second time: what a machine does slowly does not favour one of them. */
export async function runPair(round: number, scenario: Scenario, store?: string): Promise<Pair> {
  if (round % 2 === 0) {
    const bare = await runOne("bare", scenario, store);
    return { bare, tasker: await runOne("tasker", scenario, store) };
  }
  const tasker = await runOne("tasker", scenario, store);
  return { bare: await runOne("bare", scenario, store), tasker };
}
