/**
 * Lists of steps and of outcomes as the two threads hand them over: all texts joined into one, all numbers in one array. What
 * is cloned between threads costs by the value, not by the byte: ten steps take 70 us as objects, 9 us as arrays, 2 us so.
 */
import type { Outcome } from "../handler/outcome.ts";
import type { StepRequest } from "../handler/step.ts";

/** Texts stand one behind the other; the numbers of an item hold their lengths among them. */
export interface PackedList {
  readonly text: string;
  readonly numbers: Float64Array;
}

/** The length of a text, or a number, that is not there. */
const absent = -1;

class ListWriter {
  text = "";
  readonly #numbers: Float64Array;
  #count = 0;

  constructor(numbers: number) {
    this.#numbers = new Float64Array(numbers);
  }

  number(value: number): void {
    this.#numbers[this.#count++] = value;
  }

  append(text: string | null): void {
    this.#numbers[this.#count++] = text === null ? absent : text.length;
    if (text !== null) this.text += text;
  }

  end(): PackedList {
    return { text: this.text, numbers: this.#numbers };
  }
}

class ListReader {
  readonly #text: string;
  readonly #numbers: Float64Array;
  #at = 0;
  #textAt = 0;

  constructor({ text, numbers }: PackedList) {
    this.#text = text;
    this.#numbers = numbers;
  }

  get hasMore(): boolean {
    return this.#at < this.#numbers.length;
  }

  number(): number {
    return this.#numbers[this.#at++]!;
  }

  text(): string {
    return this.textOrNull()!;
  }

  textOrNull(): string | null {
    const length = this.number();
    if (length === absent) return null;
    const start = this.#textAt;
    this.#textAt += length;
    return this.#text.slice(start, this.#textAt);
  }
}

const numbersPerStep = 16;

export function packSteps(steps: readonly StepRequest[]): PackedList {
  const list = new ListWriter(steps.length * numbersPerStep);
  for (const step of steps) {
    list.number(step.origin);
    list.append(step.batchId);
    list.append(step.leaseId);
    list.append(step.stepName);
    list.append(step.handler);
    list.append(step.config);
    list.append(step.context);
    list.append(step.previousResults);
    list.number(step.attempt);
    list.number(step.retryLimit);
    list.number(step.timeoutMs);
    list.append(step.idempotencyKey);
    list.append(step.taskId);
    list.number(step.maxOutputBytes);
    list.append(step.cursor);
    list.number(step.maxCheckpointBytes);
  }
  return list.end();
}

export function unpackSteps(packed: PackedList): StepRequest[] {
  const list = new ListReader(packed);
  const steps: StepRequest[] = [];
  while (list.hasMore) {
    steps.push({
      origin: list.number(),
      batchId: list.text(),
      leaseId: list.text(),
      stepName: list.text(),
      handler: list.text(),
      config: list.text(),
      context: list.text(),
      previousResults: list.text(),
      attempt: list.number(),
      retryLimit: list.number(),
      timeoutMs: list.number(),
      idempotencyKey: list.text(),
      taskId: list.text(),
      maxOutputBytes: list.number(),
      cursor: list.textOrNull(),
      maxCheckpointBytes: list.number(),
    });
  }
  return steps;
}

const numbersPerOutcome = 10;
const statuses = ["completed", "failed"] as const;

export function packOutcomes(outcomes: readonly Outcome[]): PackedList {
  const list = new ListWriter(outcomes.length * numbersPerOutcome);
  for (const outcome of outcomes) {
    list.number(outcome.origin);
    list.append(outcome.leaseId);
    list.number(statuses.indexOf(outcome.status));
    list.append(outcome.output);
    list.append(outcome.error);
    list.append(outcome.errorCode);
    list.number(outcome.retryable === null ? absent : Number(outcome.retryable));
    list.number(outcome.retryAfterMs ?? absent);
    list.number(outcome.executionTimeMs);
    list.append(outcome.handlerVersion);
  }
  return list.end();
}

export function unpackOutcomes(packed: PackedList): Outcome[] {
  const list = new ListReader(packed);
  const outcomes: Outcome[] = [];
  while (list.hasMore) {
    outcomes.push({
      origin: list.number(),
      leaseId: list.text(),
      status: statuses[list.number()]!,
      output: list.text(),
      error: list.text(),
      errorCode: list.textOrNull(),
      retryable: booleanOrNull(list.number()),
      retryAfterMs: numberOrNull(list.number()),
      executionTimeMs: list.number(),
      handlerVersion: list.textOrNull(),
    });
  }
  return outcomes;
}

function booleanOrNull(value: number): boolean | null {
  return value === absent ? null : value === 1;
}

function numberOrNull(value: number): number | null {
  return value === absent ? null : value;
}
