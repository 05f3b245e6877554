/** Runs one case: its faults, then rest, then the audit of everything that is left. */
import type { AuditTotals } from "./auditor.ts";
import { faultOf } from "./fault-table.ts";
import { type Case, type Scale, Scene } from "./scene.ts";
import { missing } from "./system-faults.ts";
import type { World } from "./world.ts";

export interface CaseResult {
  readonly number: number;
  readonly fault: string;
  readonly promise: string;
  /** Why it was not run; null when it was. */
  readonly skipped: string | null;
  /** Promises that were broken; empty: all held. */
  readonly broken: readonly string[];
  /** What the case itself counted. */
  readonly counts: Readonly<Record<string, number>>;
  readonly recoveriesMs: readonly number[];
  readonly totals: Totals;
  /** How long each orchestrator took to start before there was any fault. */
  readonly startsMs: readonly number[];
  readonly seconds: number;
}

export interface Totals extends AuditTotals {
  readonly kills: number;
  /** Results that were acknowledged and changed nothing, because they had been accepted before. */
  readonly duplicatesDiscarded: number;
}

export async function runCase(chaosCase: Case, scale: Scale, seed: number): Promise<CaseResult> {
  const { number, fault, promise } = faultOf(chaosCase.number);
  const lacking = (chaosCase.needs ?? []).flatMap((need) => missing(need) ?? []);
  const began = performance.now();
  const scene = new Scene(scale, seed);
  const broken: string[] = [];
  let totals = noTotals;
  try {
    if (lacking.length === 0) {
      await chaosCase.run(scene);
      for (const world of scene.worlds) totals = add(totals, await judge(world, broken));
    }
  } catch (error) {
    broken.push(`the run itself failed: ${(error as Error).stack}`, ...scene.worlds.map(lastWords));
  } finally {
    await scene.close();
  }
  return {
    number,
    fault,
    promise,
    skipped: lacking.length === 0 ? null : lacking.join("; "),
    broken: [...scene.broken, ...broken],
    counts: scene.counts,
    recoveriesMs: scene.recoveriesMs,
    totals,
    startsMs: scene.worlds.map(({ startedInMs }) => startedInMs),
    seconds: (performance.now() - began) / 1000,
  };
}

/** Brings a world to rest and audits it. */
async function judge(world: World, broken: string[]): Promise<Totals> {
  await world.rest().catch((error: Error) => broken.push(error.message, lastWords(world)));
  await world.keepCounts();
  const { code } = await world.orchestrator.terminate();
  if (code !== 0) broken.push(`the orchestrator ended with ${code}: ${lastWords(world)}`);
  await world.processes.endAll();
  broken.push(...world.client.failures);
  const { findings, totals } = await world.audit();
  broken.push(...findings.map(({ name, detail }) => `${name}: ${detail}`));
  return { ...totals, kills: world.kills, duplicatesDiscarded: world.counted.duplicate };
}

function lastWords(world: World): string {
  return `orchestrator: ${world.orchestrator.process?.said.slice(-2_000) ?? "never started"}`;
}

export const noTotals: Totals = {
  sent: 0,
  acknowledged: 0,
  refused: 0,
  unanswered: 0,
  executions: 0,
  cutShort: 0,
  tasks: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  blocked: 0,
  steps: 0,
  leases: 0,
  accepted: 0,
  lost: 0,
  lateApplied: 0,
  lateRecorded: 0,
  inDoubt: 0,
  kills: 0,
  duplicatesDiscarded: 0,
};

export function add(a: Totals, b: Totals): Totals {
  const names = Object.keys(a) as (keyof Totals)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as Totals;
}
