/** Both ports in memory: enough of an orchestrator to see what the surface does with its answers. */
import {
  EngineMetrics,
  type HistoryEvent,
  type HistoryListener,
  historyEvents,
  isFinalTask,
  type SubmitTask,
  TaskerError,
  type TaskRow,
  type TaskStatus,
  type Template,
  type Transition,
} from "@tasker/engine";
import { buildTemplate, chain } from "@tasker/testkit";
import type { Commands, Reader, ServedHandlers, SubmitOutcome, TaskFilter, WorkerView } from "../ports.ts";
import { eventPageJson, taskItemJson, taskJson, taskPageJson, templateJson } from "../views/index.ts";

export const createdAt = Date.UTC(2025, 0, 23, 12);

export class FakeOrchestrator {
  readonly template: Template = buildTemplate(chain(3), { namespace: "shop", name: "order" });
  readonly submitted: SubmitTask[] = [];
  readonly tasks = new Map<string, TaskRow>();
  readonly cancelled: unknown[] = [];
  readonly applied: unknown[] = [];
  readonly history: HistoryEvent[] = [];
  readonly listeners = new Set<HistoryListener>();
  readonly filters: TaskFilter[] = [];
  readonly engine = new EngineMetrics();
  readonly peers = {
    ...{ framesIn: 7, framesOut: 5, sendsRefused: 0, subscriptionsRefused: 2, subscriptionFloods: 1, sessionsLost: 0 },
    ...{ leasesMissing: 0, badFrames: { invalid_json: 3 }, sessionsRefused: { codec: 1 } },
  };
  workers: WorkerView[] = [];
  served: ServedHandlers = "all";
  readiness = { ready: true, reason: null as string | null };
  /** Thrown by the next command. */
  failure: Error | null = null;
  /** Awaited by every read of the history, before it looks. */
  beforeRead: () => Promise<void> | void = () => {};
  /** Called when a page of the history was taken, before its reader has it. */
  afterRead: () => void = () => {};
  reads = 0;

  /** Adds a task without asking anybody. */
  addTask(change: Partial<TaskRow> = {}): TaskRow {
    const taskId = this.tasks.size + 1;
    const row: TaskRow = {
      taskId,
      id: uuidOf(taskId),
      templateId: 1,
      status: "in_progress",
      reason: null,
      context: "{}",
      priority: 0,
      tags: [],
      idempotencyKey: null,
      fingerprint: null,
      correlationId: null,
      initiator: null,
      createdAt,
      startedAt: null,
      finishedAt: null,
      ...change,
    };
    this.tasks.set(row.id, row);
    return row;
  }

  /** Commits transitions of one task: they are in the history, then the listeners hear of them. */
  commit(task: TaskRow, ...steps: readonly Partial<Transition>[]): void {
    const transitions = steps.map((step) => ({ ...noTransition, ...step }));
    const row = { seq: this.history.length + 1, taskId: task.taskId, at: createdAt, transitions };
    this.history.push(...historyEvents(row, task.id));
    const status = transitions.findLast(({ step }) => step === null)?.to as TaskStatus | undefined;
    if (status !== undefined) this.tasks.set(task.id, { ...this.tasks.get(task.id)!, status });
    for (const listener of this.listeners) listener([row], new Map([[task.taskId, task.id]]));
  }

  readonly commands: Commands = {
    submit: async (tasks) => {
      this.#fail();
      return tasks.map((task) => this.#submit(task));
    },
    cancel: async (id, cause) => {
      this.#fail();
      const task = this.tasks.get(id);
      if (task === undefined) throw new TaskerError("task_not_found", "no such task", { hint: "Look it up." });
      if (isFinalTask(task.status)) throw new TaskerError("task_final", "it is final", { hint: "Let it be." });
      this.cancelled.push({ id, ...cause });
      this.tasks.set(id, { ...task, status: "cancelled", reason: cause.reason });
    },
    applyTemplate: async (text, expected, contentType) => {
      this.#fail();
      this.applied.push({ text, expected, contentType });
      return { created: this.applied.length === 1, json: templateJson(this.template, text, createdAt) };
    },
    workers: () => this.workers,
    servedHandlers: () => this.served,
    readiness: () => this.readiness,
    readings: () => ({ engine: this.engine, activeTasks: this.tasks.size, oldestReadyMs: 1500, peers: this.peers }),
    subscribe: (listener) => {
      this.listeners.add(listener);
      return () => this.listeners.delete(listener);
    },
  };

  readonly reader: Reader = {
    task: async (id) => {
      const task = this.tasks.get(id);
      if (task === undefined) return null;
      return taskJson({ task, steps: [], template: this.template }, { servedHandlers: this.served });
    },
    tasks: async (filter) => {
      this.filters.push(filter);
      const items = [...this.tasks.values()].map((task) => taskItemJson({ ...task, ...this.template }));
      return taskPageJson(items.slice(0, filter.limit), null);
    },
    events: async (id, after, limit) => {
      const rows = await this.reader.eventRows(id, after, limit);
      return rows && eventPageJson(rows.events, limit);
    },
    templates: async () => '{"items":[],"next_cursor":null}',
    template: async (namespace, name, version) => {
      const known = this.template;
      const isKnown = namespace === known.namespace && name === known.name && (version ?? known.version) === known.version;
      return isKnown ? templateJson(known, "name: order", createdAt) : null;
    },
    eventRows: async (id, after, limit) => {
      await this.beforeRead();
      this.reads++;
      const task = this.tasks.get(id);
      if (task === undefined) return null;
      const page = { events: this.#eventsAfter(after, limit, id), status: task.status };
      this.afterRead();
      return page;
    },
    allEventRows: async (after, limit) => this.#eventsAfter(after, limit, null),
  };

  #submit(task: SubmitTask): SubmitOutcome {
    this.submitted.push(task);
    const plan = { template: this.template };
    if (task.name !== this.template.name) {
      const hint = "Did you mean shop/order?";
      return { ok: false, error: new TaskerError("template_not_found", `no template is named ${task.name}`, { hint }) };
    }
    const known = [...this.tasks.values()].find(
      ({ idempotencyKey }) => idempotencyKey !== null && idempotencyKey === task.idempotencyKey,
    );
    if (known !== undefined) {
      if (known.fingerprint === task.fingerprint) return { ok: true, created: false, task: known, plan };
      return { ok: false, error: new TaskerError("idempotency_conflict", "other body", { hint: "Another key." }) };
    }
    const { context, priority, tags, idempotencyKey, fingerprint, correlationId, initiator } = task;
    const row = this.addTask({ context, priority, tags, idempotencyKey, fingerprint, correlationId, initiator });
    return { ok: true, created: true, task: row, plan };
  }

  #eventsAfter(after: number, limit: number, id: string | null): HistoryEvent[] {
    return this.history.filter(({ seq, task_id }) => seq > after && (id ?? task_id) === task_id).slice(0, limit);
  }

  #fail(): void {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
  }
}

export function uuidOf(taskId: number): string {
  return `01949300-0000-7000-8000-${taskId.toString(16).padStart(12, "0")}`;
}

const noTransition: Transition = {
  step: null,
  from: null,
  to: "in_progress",
  attempt: null,
  leaseId: null,
  workerId: null,
  actor: "engine",
  reason: null,
  detail: null,
};
