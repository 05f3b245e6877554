/** The scenarios' graphs as templates. */
import type { Template } from "@tasker/engine";
import { loadTemplate } from "@tasker/templates";
import { graphOf } from "../graph.ts";
import type { Scenario } from "../scenarios.ts";

export function benchTemplate({ shape, previousResults }: Scenario): Template {
  const steps = graphOf(shape).map((dependencies, index) => ({
    name: `step_${index}`,
    handler: "noop",
    depends_on: dependencies.map((other) => `step_${other}`),
    previous_results: previousResults,
  }));
  return load("bench", steps);
}

/** One step, whose handler no worker has: its tasks stay active. */
export function bystanderTemplate(): Template {
  return load("bystander", [{ name: "wait", handler: "nobody.has.this" }]);
}

function load(name: string, steps: readonly object[]): Template {
  return loadTemplate(JSON.stringify({ namespace: "bench", name, version: "1.0.0", steps }), {});
}
