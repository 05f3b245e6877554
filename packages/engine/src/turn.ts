/**
 * One turn: what it changes and what it may say once that is durable. Decisions fill a `Turn` in memory; `record` is
 * all that goes to the store, in one transaction; `release` lets the effects out, after the commit and only then.
 */
import type { Step, Task } from "./domain/task.ts";
import type { Memory } from "./memory.ts";
import type {
  CheckpointWrite,
  HistoryRow,
  NewTemplate,
  SettledCheckpoint,
  StepRequest,
  StepResult,
  StepWrite,
  TaskRow,
  TaskUpdate,
  Transition,
  TurnRecord,
} from "./ports.ts";
import type { Worker } from "./roster.ts";

/** A batch that is decided; its leases are part of the turn. */
export interface Assignment {
  readonly worker: Worker;
  readonly batchId: string;
  readonly steps: readonly Step[];
  /** For each step, those whose outputs it is given. */
  readonly results: (readonly Step[])[];
  readonly requests: StepRequest[];
}

export class Turn {
  /** Wall-clock milliseconds: what the rows say. */
  readonly at: number;
  /** Monotonic milliseconds: what deadlines are made of. */
  readonly now: number;
  readonly newTemplates: NewTemplate[] = [];
  readonly newTasks: TaskRow[] = [];
  readonly taskUpdates: TaskUpdate[] = [];
  readonly assignments: Assignment[] = [];
  /** Tasks that did not exist before. */
  readonly created: Task[] = [];
  /** Tasks whose situation changed: each is looked at once for its end. */
  readonly touched = new Set<Task>();
  /** Leases that ended in this turn, with those who held them: they hold them still if it fails. */
  readonly released = new Map<string, Worker>();
  /** Leases that had their answer in this turn, to know its double. */
  readonly answered = new Set<string>();
  readonly #dirty: Step[] = [];
  readonly #changed: Task[] = [];
  /** History of tasks that are not in memory (late results). */
  readonly #history: HistoryRow[] = [];
  readonly #acks = new Map<Worker, string[]>();
  readonly #timeoutAcks = new Map<Worker, string[]>();
  readonly #cancels = new Map<Worker, string[]>();
  readonly #checkpoints = new Map<Step, CheckpointWrite>();
  readonly #settled = new Map<Worker, SettledCheckpoint[]>();
  readonly #effects: (() => void)[] = [];
  #record: TurnRecord | null = null;

  constructor(at: number, now: number) {
    this.at = at;
    this.now = now;
  }

  /** Adds to the task's history. */
  note(task: Task, transition: Transition): void {
    if (task.transitions === null) {
      task.transitions = [];
      this.#changed.push(task);
    }
    task.transitions.push(transition);
  }

  /** Adds to the history of a task that is not active. */
  noteInactive(memory: Memory, taskId: number, transition: Transition): void {
    this.#history.push({ seq: memory.nextSeq++, taskId, at: this.at, transitions: [transition] });
  }

  /** The step's row is written at the end of the turn, once, whatever happened to it. */
  markDirty(memory: Memory, step: Step): void {
    if (step.dirty) return;
    step.dirty = true;
    if (step.stepId === 0) step.stepId = memory.nextStepId++;
    this.#dirty.push(step);
  }

  acknowledge(worker: Worker | undefined, { leaseId, errorCode }: StepResult): void {
    if (worker === undefined || worker.info.oneBatchAtATime) return;
    append(errorCode === "timeout" ? this.#timeoutAcks : this.#acks, worker, leaseId);
  }

  cancel(worker: Worker, leaseId: string): void {
    append(this.#cancels, worker, leaseId);
  }

  /** Of several in one turn the last is stored. */
  keepCheckpoint(step: Step, write: CheckpointWrite): void {
    this.#checkpoints.set(step, write);
  }

  /** The cursor that this turn is about to store for the step. */
  cursorOf(step: Step): string | undefined {
    return this.#checkpoints.get(step)?.cursor;
  }

  settleCheckpoint(worker: Worker | undefined, settled: SettledCheckpoint): void {
    if (worker !== undefined) append(this.#settled, worker, settled);
  }

  /** Runs after the commit. */
  after(effect: () => void): void {
    this.#effects.push(effect);
  }

  /** All that changed, as rows. */
  seal(memory: Memory): TurnRecord {
    const history = this.#history;
    for (const task of this.#changed) {
      const transitions = task.transitions!;
      task.transitions = null;
      history.push({ seq: memory.nextSeq, taskId: task.taskId, at: this.at, transitions });
      memory.nextSeq += transitions.length;
    }
    this.#record = {
      newTemplates: this.newTemplates,
      newTasks: this.newTasks,
      checkpoints: [...this.#checkpoints.values()],
      stepWrites: this.#dirty.map(stepWrite),
      taskUpdates: this.taskUpdates,
      history,
    };
    return this.#record;
  }

  get isEmpty(): boolean {
    return (
      this.newTemplates.length + this.newTasks.length + this.taskUpdates.length + this.#dirty.length === 0 &&
      this.#changed.length + this.#history.length + this.#checkpoints.size === 0
    );
  }

  /** After the commit: memory agrees with the rows again, and everybody hears what they were waiting for. */
  release(memory: Memory, batchBytes: number): void {
    for (const step of this.#dirty) settle(memory, step);
    for (const task of this.created) settleContext(memory, task);
    for (const effect of this.#effects) effect();
    for (const [worker, leaseIds] of this.#acks) worker.info.executor.acknowledge(worker.info.key, leaseIds);
    for (const [worker, leaseIds] of this.#timeoutAcks)
      worker.info.executor.acknowledgeTimeouts(worker.info.key, leaseIds);
    for (const [worker, settled] of this.#settled) worker.info.executor.settleCheckpoints(worker.info.key, settled);
    for (const [worker, leaseIds] of this.#cancels) worker.info.executor.cancel(worker.info.key, leaseIds, "cancelled");
    for (const { worker, batchId, requests } of this.assignments) {
      for (const steps of split(requests, batchBytes))
        worker.info.executor.dispatch(worker.info.key, { batchId, steps });
    }
  }

  /** The UUIDs of the tasks that this turn changed. */
  taskIds(): ReadonlyMap<number, string> {
    return new Map(this.#changed.map((task) => [task.taskId, task.id]));
  }

  get history(): readonly HistoryRow[] {
    return this.#record?.history ?? [];
  }
}

function stepWrite(step: Step): StepWrite {
  const guard = step.storedState === null ? null : { state: step.storedState, leaseId: step.storedLease };
  return { guard, row: step };
}

function settle(memory: Memory, step: Step): void {
  step.dirty = false;
  step.storedState = step.state;
  step.storedLease = step.leaseId;
  if (step.output !== null) {
    if (memory.tasks.has(step.task.id)) memory.payloads.set(step, step.output);
    step.output = null;
  }
}

function settleContext(memory: Memory, task: Task): void {
  if (memory.tasks.has(task.id)) memory.payloads.set(task, task.context!);
  task.context = null;
}

function append<T>(lists: Map<Worker, T[]>, worker: Worker, item: T): void {
  const list = lists.get(worker);
  if (list) list.push(item);
  else lists.set(worker, [item]);
}

/** One message, or several under the same batch id when their payloads are large. */
function split(requests: StepRequest[], batchBytes: number): StepRequest[][] {
  const parts: StepRequest[][] = [];
  let part: StepRequest[] = [];
  let bytes = 0;
  for (const request of requests) {
    const size =
      request.staticJson.length +
      request.context.length +
      request.previousResults.length +
      (request.checkpoint?.length ?? 0);
    if (part.length > 0 && bytes + size > batchBytes) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(request);
    bytes += size;
  }
  parts.push(part);
  return parts;
}
