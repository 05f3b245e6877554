/** What a step must be given, worked out from committed rows alone. */
import type { StepAccount, TaskAccount } from "./ledger.ts";

/** JSON text of the object: outputs by step name, in the template's order. */
export function previousResults(task: TaskAccount, step: StepAccount): string {
  const { steps } = task.template;
  const { depends_on, previous_results } = steps[step.index]!;
  const names = previous_results === "direct" ? depends_on : ancestors(task, step);
  const members = names.map((name) => `${JSON.stringify(name)}:${task.steps.get(name)!.row?.output}`);
  return `{${members.join(",")}}`;
}

function ancestors(task: TaskAccount, step: StepAccount): string[] {
  const { steps } = task.template;
  const found = new Set(steps[step.index]!.depends_on);
  for (const name of found) for (const parent of steps[task.steps.get(name)!.index]!.depends_on) found.add(parent);
  return steps.map(({ name }) => name).filter((name) => found.has(name));
}
