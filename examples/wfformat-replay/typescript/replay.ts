/** One step of a recorded scientific workflow: takes the time that was recorded, times a factor. */
import { setTimeout as wait } from "node:timers/promises";
import type { Step } from "@tasker/worker";

/** As `tasker template import` writes it. */
interface Config {
  /** Seconds. */
  readonly runtime_s: number;
  readonly program?: string;
}

export interface Replayed {
  readonly task: string;
  readonly runtime_s: number;
  readonly waited_ms: number;
}

/**
 * @param factor 0.001 turns a second into a millisecond
 * @throws TypeError when the factor is not a number from 0 on
 */
export function replayAt(factor: number): (step: Step<unknown, Config>) => Promise<Replayed> {
  if (!(factor >= 0)) throw new TypeError(`REPLAY_FACTOR: expected a number from 0 on, got ${factor}`);
  return async (step) => {
    const { runtime_s } = step.config;
    const startedAt = performance.now();
    await wait(runtime_s * 1000 * factor, undefined, { signal: step.signal });
    return { task: step.stepName, runtime_s, waited_ms: Math.round(performance.now() - startedAt) };
  };
}
