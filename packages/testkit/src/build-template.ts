/** Templates for tests: say what matters, the rest has the defaults of a template file. */
import type { StepTemplate, Template } from "@tasker/engine";

export type StepSketch = { readonly name: string } & Partial<Omit<StepTemplate, "retry">> & {
    readonly retry?: Partial<StepTemplate["retry"]>;
  };

export function buildTemplate(steps: readonly StepSketch[], rest: Partial<Omit<Template, "steps">> = {}): Template {
  return {
    namespace: "test",
    name: "template",
    version: "1.0.0",
    description: "",
    input_schema: null,
    ...rest,
    steps: steps.map(buildStep),
  };
}

/** `chain(3)` is s1 -> s2 -> s3. */
export function chain(length: number, step: Partial<StepSketch> = {}): StepSketch[] {
  return Array.from({ length }, (_, i) => ({ name: `s${i + 1}`, depends_on: i === 0 ? [] : [`s${i}`], ...step }));
}

function buildStep({ name, retry, ...rest }: StepSketch): StepTemplate {
  return {
    name,
    handler: "work",
    config: "{}",
    depends_on: [],
    retryable: true,
    retry: { limit: 3, backoff: "fixed", base_ms: 1_000, max_ms: 30_000, jitter: 0, ...retry },
    timeout_ms: 30_000,
    queue_timeout_ms: null,
    on_lost: "retry",
    priority: 0,
    previous_results: "all",
    result_schema: null,
    ...rest,
  };
}
