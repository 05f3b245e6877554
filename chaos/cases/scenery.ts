/** What several cases begin with, and wait for. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Scene } from "../scene.ts";
import { until } from "../waiting.ts";
import { type Language, languagesHere } from "../workers.ts";
import type { World, WorldOptions } from "../world.ts";

/** A world with load and workers for all of it: one in TypeScript, one in another language by turns, one for orders. */
export async function underLoad(scene: Scene, options: Omit<WorldOptions, "seed"> = {}): Promise<World> {
  const world = await scene.open(options);
  world.startWorker("w1");
  world.startWorker("w2", { language: nextLanguage() });
  world.startWorker("orders", { language: "orders" });
  await world.joined("w1", "w2", "orders");
  world.load!.start();
  return world;
}

let turn = 0;

/** Every language that this machine has, one after the other. */
export function nextLanguage(): Language {
  const here = languagesHere();
  return here[++turn % here.length]!;
}

/** Tasks whose three steps run until the gate is opened. */
export interface GatedTasks {
  readonly ids: readonly string[];
  open(): void;
}

/** Submits tasks of `chaos/gated` and waits until all of their steps run. */
export async function gatedTasks(world: World, count: number): Promise<GatedTasks> {
  const gate = join(world.folder, `gate-${world.random.below(1e9)}`);
  const submission = { template: "chaos/gated", context: JSON.stringify({ gate }) };
  const ids = await world.client.submitMany(count, submission);
  await running(world, ids, 3);
  return { ids, open: () => writeFileSync(gate, "") };
}

/** Waits until so many steps of each of these tasks run. */
export async function running(world: World, ids: readonly string[], steps: number): Promise<void> {
  for (const id of ids) {
    await until(`${steps} steps of ${id} run`, 60_000, async () => {
      const state = await world.orchestrator.task(id);
      return state.steps.filter(({ status }) => status === "in_progress").length === steps;
    });
  }
}

export interface Moment {
  readonly at: number;
  readonly step: string | null;
  readonly from: string | null;
  readonly to: string;
  readonly attempt: number | null;
  readonly worker: string | null;
  readonly reason: string | null;
}

/** The history of one task. */
export async function historyOf(world: World, id: string): Promise<Moment[]> {
  interface Event extends Omit<Moment, "at" | "worker"> {
    readonly at: string;
    readonly worker_id: string | null;
  }
  const { items } = await world.orchestrator.get<{ items: Event[] }>(`/v1/tasks/${id}/events?limit=1000`);
  return items.map(({ at, worker_id, ...event }) => ({ ...event, at: Date.parse(at), worker: worker_id }));
}

/** Why an attempt may end without a result. */
export const lossReasons: readonly string[] = ["worker_lost", "batch_lost", "timeout"];

/** The ends of attempts that had no result. */
export function losses(moments: readonly Moment[]): Moment[] {
  return moments.filter(({ from, reason }) => from === "in_progress" && lossReasons.includes(reason ?? ""));
}

/** For each attempt that was lost after `since` and followed by another: milliseconds from then to the next lease. */
export function againAfter(moments: readonly Moment[], since: number): number[] {
  return losses(moments).flatMap((loss) => {
    const next = moments.find(
      ({ step, to, attempt }) => step === loss.step && to === "in_progress" && attempt === loss.attempt! + 1,
    );
    return next === undefined || loss.at < since ? [] : [next.at - since];
  });
}
