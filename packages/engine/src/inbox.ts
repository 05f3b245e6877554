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

/** How much waits: its number, and the length of its payloads. */
export class Load {
  count = 0;
  chars = 0;

  add(input: Input, times: 1 | -1): void {
    this.count += times * weightOf(input);
    this.chars += times * charsOf(input);
  }
}

export class Inbox {
  #inputs: Input[] = [];
  /** Tasks whose submission waits, with their contexts. */
  readonly submissions = new Load();
  /** What executors have said: results, checkpoints, leases that came back, workers that changed. */
  readonly news = new Load();

  get isEmpty(): boolean {
    return this.#inputs.length === 0;
  }

  push(input: Input): void {
    this.#inputs.push(input);
    this.#loadOf(input).add(input, 1);
  }

  /** What a failed turn had taken and nobody else will say again, before all that came since. */
  putBack(inputs: readonly Input[]): void {
    const kept = inputs.filter((input) => !("answer" in input));
    for (const input of kept) this.#loadOf(input).add(input, 1);
    this.#inputs = [...kept, ...this.#inputs];
  }

  /** The oldest inputs, up to `weight` tasks and results, but at least one. */
  take(weight: number): readonly Input[] {
    let count = 0;
    for (let taken = 0; count < this.#inputs.length && taken < weight; count++) taken += weightOf(this.#inputs[count]!);
    const inputs = this.#inputs.slice(0, count);
    this.#inputs = count === this.#inputs.length ? [] : this.#inputs.slice(count);
    for (const input of inputs) this.#loadOf(input).add(input, -1);
    return inputs;
  }

  #loadOf(input: Input): Load {
    return input.kind === "submit" ? this.submissions : this.news;
  }
}

function weightOf(input: Input): number {
  if (input.kind === "submit") return input.tasks.length;
  if (input.kind === "results") return input.results.length;
  if (input.kind === "checkpoints") return input.checkpoints.length;
  return 1;
}

function charsOf(input: Input): number {
  let chars = 0;
  if (input.kind === "submit") for (const { request } of input.tasks) chars += request.context.length;
  else if (input.kind === "results")
    for (const { output, error } of input.results) chars += (output?.length ?? 0) + (error?.length ?? 0);
  else if (input.kind === "checkpoints") for (const { cursor } of input.checkpoints) chars += cursor.length;
  else if ("leaseIds" in input) for (const leaseId of input.leaseIds) chars += leaseId.length;
  else if (input.kind === "joined") for (const leaseId of input.worker.heldLeases) chars += leaseId.length;
  return chars;
}

/** Tells everybody who waits for an answer to these inputs that there is none. */
export function refuse(inputs: readonly Input[], error: Error): void {
  for (const input of inputs) if ("answer" in input) input.answer.reject(error);
}
