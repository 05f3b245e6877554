/** A store as plain maps: what any store must hold after the same turns. And turns that fit what it holds. */
import {
  type CheckpointWrite,
  type HistoryEvent,
  type HistoryRow,
  isFinalTask,
  isLegalTaskTransition,
  type NewTemplate,
  type Sequences,
  type StepRow,
  type StepState,
  type StepWrite,
  type StoredLease,
  type StoredTask,
  stepStates,
  type TaskRow,
  type TurnRecord,
  taskStatuses,
} from "@tasker/engine";
import { historyRow, stepRow, taskRow, templateRow, transition, turn } from "./rows.ts";

const stepsOfTemplate = 3;
const settled: readonly StepState[] = ["completed", "cancelled"];

export class StoreModel {
  readonly #templates: NewTemplate[] = [];
  readonly #tasks = new Map<number, TaskRow>();
  readonly #steps = new Map<number, StepRow>();
  readonly #earlierLeases = new Map<number, string[]>();
  readonly #checkpoints = new Map<number, CheckpointWrite>();
  readonly #history: HistoryRow[] = [];

  apply({ newTemplates, newTasks, checkpoints, stepWrites, taskUpdates, history }: TurnRecord): void {
    this.#templates.push(...newTemplates);
    for (const task of newTasks) this.#tasks.set(task.taskId, task);
    for (const checkpoint of checkpoints) this.#checkpoints.set(checkpoint.stepId, checkpoint);
    for (const { guard, row } of stepWrites) {
      const earlier = this.#earlierLeases.get(row.stepId) ?? [];
      if (guard !== null && guard.leaseId !== null && guard.leaseId !== row.leaseId) earlier.push(guard.leaseId);
      this.#earlierLeases.set(row.stepId, earlier);
      this.#steps.set(row.stepId, row);
    }
    for (const { taskId, to, reason, finishedAt } of taskUpdates) {
      this.#tasks.set(taskId, { ...this.#tasks.get(taskId)!, status: to, reason, finishedAt });
    }
    this.#history.push(...history);
  }

  /** A turn that is valid now. @param uniform 0 <= x < 1 */
  randomTurn(uniform: () => number): TurnRecord {
    const below = (limit: number) => Math.floor(uniform() * limit);
    const next = this.sequences();
    const newTemplates = this.#templates.length === 0 || below(10) === 0 ? [templateRow(next.templateId)] : [];
    const templateCount = this.#templates.length + newTemplates.length;
    const newTasks = Array.from({ length: below(4) }, (_, index) => {
      return randomTask(next.taskId + index, 1 + below(templateCount), below);
    });
    const touched = this.activeTasks().filter(() => below(2) === 0);
    const checkpoints = this.#randomCheckpoints(below);
    let stepId = next.stepId;
    const stepWrites = touched.flatMap(({ task }) => this.#randomWrites(task.taskId, () => stepId++, below));
    const taskUpdates = touched.flatMap(({ task: { taskId, status: from } }) => {
      const targets = taskStatuses.filter((to) => isLegalTaskTransition(from, to));
      const to = targets[below(targets.length * 2)];
      return to === undefined
        ? []
        : [{ taskId, from, to, reason: `r${below(3)}`, finishedAt: isFinalTask(to) ? 9 : null }];
    });
    let { seq } = next;
    const history = [...newTasks, ...touched.map(({ task }) => task)].map(({ taskId }) => {
      const row = historyRow(seq, taskId, ...Array.from({ length: 1 + below(4) }, () => randomTransition(below)));
      seq += row.transitions.length;
      return row;
    });
    return turn({ newTemplates, newTasks, checkpoints, stepWrites, taskUpdates, history });
  }

  /** Of steps that are in progress before the turn, whatever it does to them. */
  #randomCheckpoints(below: (limit: number) => number): CheckpointWrite[] {
    return [...this.#steps.values()]
      .filter((row) => row.state === "in_progress" && row.leaseId !== null && below(2) === 0)
      .map(({ stepId, leaseId }) => {
        const kept = this.#checkpoints.get(stepId);
        const seq = (kept?.leaseId === leaseId ? (kept?.seq ?? 0) : 0) + 1 + below(3);
        return { stepId, leaseId: leaseId!, seq, cursor: `[${below(1e9)}]`, savedAt: 1e12 + below(1e9) };
      });
  }

  #randomWrites(taskId: number, nextStepId: () => number, below: (limit: number) => number): StepWrite[] {
    const rows = [...this.#steps.values()].filter((row) => row.taskId === taskId);
    return Array.from({ length: stepsOfTemplate }, (_, stepIndex) => stepIndex)
      .filter(() => below(2) === 0)
      .flatMap((stepIndex): StepWrite[] => {
        const stored = rows.find((row) => row.stepIndex === stepIndex);
        if (stored === undefined)
          return [{ guard: null, row: randomStep(stepRow(nextStepId(), taskId, { stepIndex }), below) }];
        if (settled.includes(stored.state)) return [];
        const guard = { state: stored.state, leaseId: stored.leaseId };
        return [{ guard, row: randomStep(stored, below) }];
      });
  }

  sequences(): Sequences {
    const last = this.#history[this.#history.length - 1];
    return {
      templateId: this.#templates.length + 1,
      taskId: Math.max(0, ...this.#tasks.keys()) + 1,
      stepId: Math.max(0, ...this.#steps.keys()) + 1,
      seq: last === undefined ? 1 : last.seq + last.transitions.length,
    };
  }

  activeTasks(): StoredTask[] {
    return [...this.#tasks.values()]
      .filter((task) => !isFinalTask(task.status))
      .map(({ context: _, ...task }) => ({
        task,
        steps: [...this.#steps.values()]
          .filter((row) => row.taskId === task.taskId)
          .sort((a, b) => a.stepIndex - b.stepIndex)
          .map(({ output: _, ...row }) => {
            const { leaseId, seq } = this.#checkpoints.get(row.stepId) ?? {};
            return { ...row, checkpoint: leaseId === undefined ? null : { leaseId, seq: seq! } };
          }),
      }));
  }

  leases(): StoredLease[] {
    return [...this.#steps.values()].map((row) => ({
      stepId: row.stepId,
      taskId: row.taskId,
      templateId: this.#tasks.get(row.taskId)!.templateId,
      stepIndex: row.stepIndex,
      state: row.state,
      attempt: row.attempt,
      leaseId: row.leaseId,
      answered: row.answered,
      earlierLeases: this.#earlierLeases.get(row.stepId) ?? [],
    }));
  }

  cursors(): Map<number, string> {
    return new Map([...this.#checkpoints].map(([stepId, { cursor }]) => [stepId, cursor]));
  }

  tasks(): TaskRow[] {
    return [...this.#tasks.values()];
  }

  steps(): StepRow[] {
    return [...this.#steps.values()];
  }

  events(): HistoryEvent[] {
    return this.#history.flatMap(({ seq, taskId, at, transitions }) =>
      transitions.map(({ step, from, to, attempt, leaseId, workerId, actor, reason, detail }, position) => ({
        seq: seq + position,
        at,
        task_id: this.#tasks.get(taskId)!.id,
        step,
        from,
        to,
        attempt,
        lease_id: leaseId,
        worker_id: workerId,
        actor,
        reason,
        detail,
      })),
    );
  }
}

function randomTask(taskId: number, templateId: number, below: (limit: number) => number): TaskRow {
  return taskRow(taskId, {
    templateId,
    status: taskStatuses[below(2)]!,
    priority: below(200) - 100,
    tags: Array.from({ length: below(3) }, (_, index) => `tag ${index}`),
    idempotencyKey: below(2) === 0 ? `key ${taskId}` : null,
    context: `{"n": ${below(1e9)}${"0".repeat(below(30))}}`,
  });
}

function randomStep(row: StepRow, below: (limit: number) => number): StepRow {
  const maybe = <T>(value: T): T | null => (below(2) === 0 ? value : null);
  const again = below(2) === 0;
  const attempt = again ? row.attempt + 1 : row.attempt;
  return {
    ...row,
    state: stepStates[below(stepStates.length)]!,
    attempt,
    leaseId: again ? maybe(`lease ${row.stepId} ${attempt}`) : row.leaseId,
    answered: below(2) === 0,
    workerId: maybe(`worker ${below(3)}`),
    leaseMs: maybe(below(1e6)),
    readyAt: maybe(1e12 + below(1e9)),
    startedAt: maybe(1e12 + below(1e9)),
    finishedAt: maybe(1e12 + below(1e9)),
    wakeAt: maybe(1e12 + below(1e9)),
    output: maybe(`[${below(1e9)}]`),
    error: maybe(`{"message":"${below(9)}"}`),
    reason: maybe("worker_lost"),
  };
}

function randomTransition(below: (limit: number) => number) {
  const maybe = <T>(value: T): T | null => (below(2) === 0 ? value : null);
  return transition(maybe(`s${below(3)}`), maybe("ready"), "in_progress", {
    attempt: maybe(below(5)),
    leaseId: maybe(`lease ${below(1e6)}`),
    workerId: maybe("worker 1"),
    actor: below(2) === 0 ? "worker" : "engine",
    reason: maybe("because"),
    detail: maybe('{"output":"😀"}'),
  });
}
