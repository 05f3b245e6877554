/** What simulated handlers do with a step: succeed, fail for now or for good, return what does not fit, or hang. */
import type { SeededRandom } from "@tasker/testkit";
import { PermanentError, RetryableError } from "@tasker/worker/handler";
import { chance, pick } from "./random.ts";
import { badOutputMember } from "./random-template.ts";
import type { FaultName } from "./scenario.ts";

export interface Behaviour {
  readonly afterMs: number;
  /** JSON text. */
  readonly output: string;
  /** Thrown instead of an output; null: it succeeds. */
  readonly error: Error | null;
  /** Stops when it is told to. */
  readonly obeys: boolean;
  /** Says how far it is. */
  readonly progress: boolean;
  /** Saves a cursor so many times before it ends. */
  readonly checkpoints: number;
}

export interface HandlerConditions {
  readonly faults: ReadonlySet<FaultName>;
  readonly longestRunMs: number;
  /** Faults are over: everything succeeds, and soon. */
  calm: boolean;
}

/** @param run a number that no other execution has: outputs tell which execution they are from */
export function behaviourOf(
  random: SeededRandom,
  { faults, longestRunMs, calm }: HandlerConditions,
  timeoutMs: number,
  run: number,
): Behaviour {
  const hangs = !calm && faults.has("handler_hangs") && chance(random, 0.1);
  const fails = !calm && faults.has("handler_failures") && chance(random, 0.25);
  const isBad = !calm && faults.has("handler_failures") && chance(random, 0.05);
  const usualMs = random.uniform() ** 2 * (calm ? 20 : longestRunMs);
  return {
    // One that hangs answers after all, long after its timeout: the late result.
    afterMs: hangs ? timeoutMs * (1 + 2 * random.uniform()) : usualMs,
    output: outputOf(random, run, isBad),
    error: fails ? randomError(random) : null,
    obeys: chance(random, 0.5),
    progress: chance(random, 0.2),
    checkpoints: chance(random, 0.25) ? 1 + random.below(3) : 0,
  };
}

function randomError(random: SeededRandom): Error {
  const retryAfterMs = random.below(2_000);
  return pick(random, [
    new Error("simulated"),
    new RetryableError("simulated", { retryAfterMs }),
    new PermanentError("simulated", { code: "simulated" }),
  ]);
}

function outputOf(random: SeededRandom, run: number, isBad: boolean): string {
  const filler = "x".repeat(random.below(pick(random, [2, 60, 400])));
  return `{"run":${run},"exact":9007199254740993${isBad ? `,"${badOutputMember}":true` : ""},"filler":"${filler}"}`;
}
