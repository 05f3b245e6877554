/** What waits for the next turn, in the order in which it came. */

import type { Template } from "./domain/template.ts";
import type { CancelTask } from "./lifecycle/cancel-task.ts";
import type { CheckedTask, SubmitOutcome } from "./lifecycle/submit-tasks.ts";
import type { SavedCheckpoint, StepResult, WorkerInfo } from "./ports.ts";

interface Answer<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

export type Input =
  | { readonly kind: "submit"; readonly tasks: readonly CheckedTask[]; readonly answer: Answer<SubmitOutcome[]> }
  | { readonly kind: "cancel"; readonly command: CancelTask; readonly answer: Answer<void> }
  | {
      readonly kind: "template";
      readonly template: Template;
      readonly source: string;
      readonly answer: Answer<boolean>;
    }
  | { readonly kind: "results"; readonly key: string | null; readonly results: readonly StepResult[] }
  | { readonly kind: "checkpoints"; readonly key: string; readonly checkpoints: readonly SavedCheckpoint[] }
  | { readonly kind: "joined"; readonly worker: WorkerInfo }
  | {
      readonly kind: "changed";
      readonly key: string;
      readonly change: { readonly capacity?: number; readonly draining?: boolean };
    }
  | { readonly kind: "lost"; readonly key: string; readonly reason: string }
  | { readonly kind: "rejected"; readonly key: string; readonly leaseIds: readonly string[]; readonly reason: string }
  | { readonly kind: "missing"; readonly key: string; readonly leaseIds: readonly string[] };

export class Inbox {
  #inputs: Input[] = [];
  /** Tasks whose submission waits. */
  pendingSubmissions = 0;

  get isEmpty(): boolean {
    return this.#inputs.length === 0;
  }

  push(input: Input): void {
    this.#inputs.push(input);
    if (input.kind === "submit") this.pendingSubmissions += input.tasks.length;
  }

  /** What a failed turn had taken and nobody else will say again, before all that came since. */
  putBack(inputs: readonly Input[]): void {
    this.#inputs = [...inputs.filter((input) => !("answer" in input)), ...this.#inputs];
  }

  /** The oldest inputs, up to `weight` tasks and results, but at least one. */
  take(weight: number): readonly Input[] {
    let count = 0;
    for (let taken = 0; count < this.#inputs.length && taken < weight; count++) taken += weightOf(this.#inputs[count]!);
    const inputs = this.#inputs.slice(0, count);
    this.#inputs = count === this.#inputs.length ? [] : this.#inputs.slice(count);
    for (const input of inputs) if (input.kind === "submit") this.pendingSubmissions -= input.tasks.length;
    return inputs;
  }
}

function weightOf(input: Input): number {
  if (input.kind === "submit") return input.tasks.length;
  if (input.kind === "results") return input.results.length;
  if (input.kind === "checkpoints") return input.checkpoints.length;
  return 1;
}

/** Tells everybody who waits for an answer to these inputs that there is none. */
export function refuse(inputs: readonly Input[], error: Error): void {
  for (const input of inputs) if ("answer" in input) input.answer.reject(error);
}
