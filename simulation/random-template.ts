/** Random templates: small graphs of every shape, with every policy that a step can have. */
import type { OnLost, RetryPolicy, StepTemplate, Template } from "@tasker/engine";
import type { SeededRandom } from "@tasker/testkit";
import { between, chance, pick } from "./random.ts";

export const handlerNames = ["alpha", "beta", "gamma"] as const;

/** Outputs with this member do not fit the `result_schema` of steps that have one. */
export const badOutputMember = "bad";

export function randomTemplate(random: SeededRandom, number: number): Template {
  const count = chance(random, 0.2) ? 1 : chance(random, 0.05) ? 40 : between(random, 2, 9);
  const shape = pick(random, ["chain", "fan", "random", "random"] as const);
  const steps: StepTemplate[] = [];
  for (let index = 0; index < count; index++)
    steps.push(randomStep(random, index, dependencies(random, shape, index, count)));
  return {
    namespace: "simulation",
    name: `template_${number}`,
    version: "1.0.0",
    description: "",
    input_schema: null,
    steps,
  };
}

function dependencies(random: SeededRandom, shape: "chain" | "fan" | "random", index: number, count: number): number[] {
  if (index === 0) return [];
  if (shape === "chain") return [index - 1];
  if (shape === "fan") return index === count - 1 ? Array.from({ length: index - 1 }, (_, i) => i + 1) : [0];
  const likelihood = random.uniform();
  return Array.from({ length: index }, (_, parent) => parent).filter(() => chance(random, likelihood * 0.6));
}

function randomStep(random: SeededRandom, index: number, parents: readonly number[]): StepTemplate {
  return {
    name: `s${index}`,
    handler: pick(random, handlerNames),
    config: '{"exact":9007199254740993}',
    depends_on: parents.map((parent) => `s${parent}`),
    retryable: chance(random, 0.85),
    retry: randomRetry(random),
    timeout_ms: pick(random, [300, 1_000, 4_000, 10_000]),
    queue_timeout_ms: chance(random, 0.1) ? between(random, 500, 10_000) : null,
    on_lost: pick<OnLost>(random, ["retry", "retry", "hold", "fail"]),
    priority: chance(random, 0.3) ? between(random, -5, 5) : 0,
    previous_results: pick(random, ["all", "direct"] as const),
    result_schema: chance(random, 0.2) ? { simulated: true } : null,
  };
}

function randomRetry(random: SeededRandom): RetryPolicy {
  return {
    limit: between(random, 0, 4),
    backoff: pick(random, ["none", "fixed", "linear", "exponential"] as const),
    base_ms: between(random, 1, 800),
    max_ms: 3_000,
    jitter: random.uniform(),
  };
}
