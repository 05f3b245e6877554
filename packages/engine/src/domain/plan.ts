/**
 * A template compiled into the graph that its tasks run on: dependencies as positions, the JSON that is the same for
 * every task joined once. Shared by all tasks of the version.
 */
import type { CompileSchema, OnLost, RetryPolicy, StepTemplate, Template, Validate } from "./template.ts";

export interface PlanStep {
  readonly index: number;
  readonly name: string;
  /** `"name":`, as it stands in `previous_results`. */
  readonly nameKeyJson: string;
  readonly handler: string;
  /** The members of a step request that every task shares. */
  readonly staticJson: string;
  readonly dependencies: readonly number[];
  readonly dependents: readonly number[];
  readonly retry: RetryPolicy;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly queueTimeoutMs: number | null;
  readonly onLost: OnLost;
  readonly priority: number;
  readonly previousResults: "all" | "direct";
  /** Null: anything goes. */
  readonly validateOutput: Validate | null;
}

export interface Plan {
  readonly templateId: number;
  readonly template: Template;
  readonly steps: readonly PlanStep[];
  readonly roots: readonly number[];
  readonly validateContext: Validate | null;
  /** By position; filled by `ancestorsOf`. */
  readonly ancestors: (readonly number[] | null)[];
}

export function planName(template: Template): string {
  return `${template.namespace}/${template.name}`;
}

/** @throws Error when the template is not one that the loader let through. */
export function compilePlan(templateId: number, template: Template, compileSchema: CompileSchema): Plan {
  const indexOf = new Map(template.steps.map((step, index) => [step.name, index]));
  const dependencies = template.steps.map((step) => step.depends_on.map((name) => requireIndex(indexOf, name)));
  const dependents: number[][] = template.steps.map(() => []);
  for (const [index, list] of dependencies.entries()) for (const parent of list) dependents[parent]!.push(index);
  const steps = template.steps.map((step, index) =>
    compileStep(step, index, dependencies[index]!, dependents[index]!, compileSchema),
  );
  return Object.freeze({
    templateId,
    template,
    steps,
    roots: steps.filter((step) => step.dependencies.length === 0).map((step) => step.index),
    validateContext: template.input_schema == null ? null : compileSchema(template.input_schema),
    ancestors: new Array<readonly number[] | null>(steps.length).fill(null),
  });
}

/** A list of ancestors up to this length is kept; keeping all of them for a long chain would be quadratic. */
const keptAncestors = 64;

/** The positions of all steps that this one depends on, directly or not, in the template's order. */
export function ancestorsOf(plan: Plan, step: PlanStep): readonly number[] {
  const known = plan.ancestors[step.index];
  if (known) return known;
  const seen = new Set<number>(step.dependencies);
  for (const index of seen) for (const parent of plan.steps[index]!.dependencies) seen.add(parent);
  const ancestors = [...seen].sort((a, b) => a - b);
  if (ancestors.length <= keptAncestors) plan.ancestors[step.index] = ancestors;
  return ancestors;
}

function compileStep(
  step: StepTemplate,
  index: number,
  dependencies: readonly number[],
  dependents: readonly number[],
  compileSchema: CompileSchema,
): PlanStep {
  const name = JSON.stringify(step.name);
  return Object.freeze({
    index,
    name: step.name,
    nameKeyJson: `${name}:`,
    handler: step.handler,
    staticJson: `"step_name":${name},"handler_class":${JSON.stringify(step.handler)},"handler_config":${step.config}`,
    dependencies,
    dependents,
    retry: step.retry,
    maxAttempts: step.retryable ? step.retry.limit + 1 : 1,
    timeoutMs: step.timeout_ms,
    queueTimeoutMs: step.queue_timeout_ms,
    onLost: step.on_lost,
    priority: step.priority,
    previousResults: step.previous_results,
    validateOutput: step.result_schema == null ? null : compileSchema(step.result_schema),
  });
}

function requireIndex(indexOf: ReadonlyMap<string, number>, name: string): number {
  const index = indexOf.get(name);
  if (index === undefined) throw new Error(`depends_on names the unknown step ${name}`);
  return index;
}
