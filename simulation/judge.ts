/**
 * Holds the run to the invariants: at each commit, at each effect that leaves the orchestrator, at each start of a
 * handler, and at the end. It knows what was committed (the ledger) and what handlers did, and believes nobody else.
 */
import type {
  Batch,
  Engine,
  StepRequest,
  SubmitTask,
  TaskerError,
  TaskRow,
  Template,
  Transition,
  TurnRecord,
} from "@tasker/engine";
import { CheckpointJudge } from "./checkpoint-judge.ts";
import { type Execution, Executions } from "./executions.ts";
import { previousResults } from "./expected-payloads.ts";
import { Ledger, type StepAccount, type TaskAccount } from "./ledger.ts";
import { MemoryJudge, type RosterWorker } from "./memory-judge.ts";
import type { canLose, WorkerPlan } from "./scenario.ts";
import type { Trace } from "./trace.ts";
import { must, Violation } from "./violation.ts";

/** A step as it came to a worker; payloads are JSON text. */
export interface ReceivedStep {
  readonly leaseId: string;
  readonly stepName: string;
  readonly context: string;
  readonly previousResults: string;
}

export class Judge {
  readonly executions = new Executions();
  readonly checkpoints = new CheckpointJudge();
  readonly ledger = new Ledger((task, step, transition) => this.#watch(task, step, transition));
  /** Ids of the tasks that clients were promised. */
  readonly accepted = new Set<string>();
  readonly #keys = new Map<string, string>();
  readonly #memory = new MemoryJudge(this.ledger);
  /** The first one; the run ends with it. */
  violation: Violation | null = null;
  /** Time that the orchestrator was running since the lease was given. */
  readonly #awakeSince: (at: number) => number;
  readonly #now: () => number;

  readonly #trace: Trace;
  readonly #canLose: ReturnType<typeof canLose>;

  /** @param losses which leases the faults of this run may lose */
  constructor(trace: Trace, losses: ReturnType<typeof canLose>, now: () => number, awakeSince: (at: number) => number) {
    this.#canLose = losses;
    this.#trace = trace;
    this.#now = now;
    this.#awakeSince = awakeSince;
  }

  /** Runs a check. What it finds ends the run, not the code that is being watched. */
  check(run: () => void): void {
    if (this.violation !== null) return;
    try {
      run();
    } catch (error) {
      this.violation = error instanceof Violation ? error : new Violation("no-crash", String((error as Error).stack));
    }
  }

  // ------------------------------------------------------------------------------------------------ at each commit

  committed(record: TurnRecord): void {
    this.check(() => {
      this.ledger.enter(record, this.#now());
      this.checkpoints.committed(record);
      for (const { taskId, transitions } of record.history) {
        const task = this.ledger.tasks.get(taskId)!;
        for (const transition of transitions)
          if (transition.to !== transition.from) this.#checkOutcome(task, transition);
      }
    });
  }

  /** At the end of a turn. */
  remembers(engine: Engine): void {
    const { memory, metrics } = engine;
    this.check(() => this.#memory.compare({ memory, metrics, workers: engine.workers() }));
  }

  #watch(task: TaskAccount, step: StepAccount, transition: Transition): void {
    const { leaseId, reason } = transition;
    const what = `${task.row.taskId}/${step.name} ${transition.from} -> ${transition.to}`;
    this.#trace.add(this.#now(), transition.actor, `${what} under ${leaseId} ${reason ?? ""}`);
    const { actor, to, from } = transition;
    if (from === to) return;
    if (to === "in_progress") this.#checkStart(task, step);
    const answers = actor === "worker" && (to === "completed" || to === "failed" || to === "waiting_for_retry");
    if (answers) this.#apply(step, transition);
    else if (from === "in_progress") this.#checkLoss(task, step, transition);
  }

  /** A lease is given: everything before it is done, and it is known how the last attempt ended. */
  #checkStart(task: TaskAccount, step: StepAccount): void {
    const { depends_on, on_lost } = task.template.steps[step.index]!;
    const name = `${task.row.taskId}/${step.name}`;
    for (const parent of depends_on) {
      const state = task.steps.get(parent)!.state;
      must("parents-first", state === "completed", () => `${name} is leased while ${parent} is ${state}`);
    }
    const last = step.leases.at(-1);
    if (on_lost !== "hold" || last === undefined) return;
    const known = this.ledger.applied.has(last) || step.lastEnd?.reason?.startsWith("rejected: ") === true;
    must("hold-is-held", known, () => `${name} is leased again, and nobody knows how ${last} ended`);
  }

  #apply(step: StepAccount, { leaseId, to, reason }: Transition): void {
    const { applied } = this.ledger;
    const lease = leaseId ?? "none";
    must("applied-once", !applied.has(lease), () => `a second result is applied under ${lease}`);
    must(
      "applied-under-its-lease",
      step.leases.at(-1) === lease,
      () => `${lease} is not the last lease of ${step.name}`,
    );
    applied.add(lease);
    if (reason === "cancelled") return;
    const endings = this.executions.underLease(lease).map(({ ending }) => ending);
    const refused = reason === "result_invalid" || reason === "output_too_large";
    const expected = to === "completed" || refused ? "completed" : "failed";
    must(
      "results-come-from-handlers",
      endings.includes(expected),
      () => `${lease} is ${to} (${reason}): ${endings.join()}`,
    );
  }

  /** Nobody knows how the attempt ended. That must be true. */
  #checkLoss(task: TaskAccount, step: StepAccount, { actor, reason, leaseId }: Transition): void {
    if (reason === "worker_lost" || reason === "batch_lost") this.#checkCause(leaseId!, reason);
    if (actor !== "engine" || reason !== "timeout") return;
    const lease = this.ledger.leases.get(leaseId!)!;
    const { timeout_ms } = task.template.steps[step.index]!;
    const timedOut = this.executions
      .underLease(leaseId!)
      .some(({ startedAt }) => this.#now() - startedAt >= timeout_ms);
    const awakeMs = this.#awakeSince(lease.at);
    const fair = timedOut || awakeMs >= timeout_ms - 1;
    must(
      "no-false-expiry",
      fair,
      () => `${leaseId} expired after ${awakeMs} ms awake, its timeout is ${timeout_ms} ms`,
    );
  }

  #checkCause(leaseId: string, reason: string): void {
    if (this.#canLose === "anything") return;
    const began = this.executions.underLease(leaseId).filter(({ protocol }) => protocol === "2.0");
    const explained = this.#canLose === "what never began" && began.length === 0;
    must("no-loss-without-cause", explained, () => `${leaseId} is revoked: ${reason}`);
  }

  /** What the rows say after the turn. */
  #checkOutcome(task: TaskAccount, { step: name, to }: Transition): void {
    if (name === null) this.#checkTaskOutcome(task);
    else if (to === "waiting_for_retry") {
      const { state, wakeAt, finishedAt } = task.steps.get(name)!.row!;
      const waits = wakeAt !== null && finishedAt !== null && wakeAt >= finishedAt;
      const gone = state !== "waiting_for_retry";
      must("waits-have-an-end", gone || waits, () => `${task.row.taskId}/${name} waits until ${wakeAt}`);
    } else if (to === "completed") {
      const { row } = task.steps.get(name)!;
      const outputs = this.executions.underLease(row!.leaseId!).map(({ output }) => output);
      must(
        "outputs-unchanged",
        outputs.includes(row!.output),
        () => `${row!.leaseId} has ${row!.output}, not ${outputs.join(" or ")}`,
      );
    }
  }

  #checkTaskOutcome({ row, status, steps }: TaskAccount): void {
    const states = [...steps.values()].map(({ state }) => state);
    const failed = states.includes("failed");
    const name = `task ${row.taskId} is ${status} with ${states.join()}`;
    if (status === "completed")
      must(
        "outcome-follows",
        states.every((state) => state === "completed"),
        () => name,
      );
    if (status === "failed") must("outcome-follows", failed && !states.some(isOpen), () => name);
    if (status === "blocked") must("outcome-follows", failed || states.includes("in_doubt"), () => name);
    if (status !== "in_progress") must("outcome-follows", !states.some(isLive), () => name);
  }

  // ------------------------------------------------------------------------------------------------ at each effect

  /** A batch leaves the orchestrator. */
  dispatched(worker: RosterWorker | undefined, batch: Batch): void {
    this.check(() => {
      for (const request of batch.steps) this.#checkRequest(request);
      if (worker === undefined) return;
      const { inFlight, capacity } = worker;
      must("credit-kept", inFlight <= capacity, () => `${worker.info.key} has ${inFlight} of ${capacity} slots taken`);
    });
  }

  #checkRequest(request: StepRequest): void {
    const { leaseId, context, attempt, taskId } = request;
    const lease = this.ledger.leases.get(leaseId);
    must("commit-before-effects", lease !== undefined, () => `${leaseId} is sent before it is committed`);
    const { task, step } = lease;
    const { row } = step;
    const held = row?.leaseId === leaseId && row.state === "in_progress";
    must("commit-before-effects", held, () => `${leaseId} is sent, the row is ${row?.state} under ${row?.leaseId}`);
    must("attempts-counted", attempt === step.counted, () => `${leaseId} says attempt ${attempt}, not ${step.counted}`);
    must("payloads-unchanged", taskId === task.row.taskId && context === task.row.context, () => `${leaseId}: context`);
    const expected = previousResults(task, step);
    const found = request.previousResults;
    must("payloads-unchanged", found === expected, () => `${leaseId}: previous_results ${found}, not ${expected}`);
  }

  /** The worker is told that it may forget these. */
  acknowledged(worker: RosterWorker | undefined, leaseIds: readonly string[]): void {
    this.check(() => {
      for (const leaseId of leaseIds) {
        this.#checkAck(leaseId);
        const taken = worker?.revokedLeases.has(leaseId) === true;
        must("slots-come-back", !taken, () => `${leaseId} is acknowledged and keeps a slot of ${worker!.info.key}`);
      }
    });
  }

  #checkAck(leaseId: string): void {
    const row = this.ledger.leases.get(leaseId)?.step.row;
    const inProgress = row?.leaseId === leaseId && row.state === "in_progress";
    must("ack-after-commit", !inProgress, () => `${leaseId} is acknowledged and still in progress`);
  }

  /** The client is told that this template is kept. */
  applied({ name }: Template): void {
    this.check(() => {
      const kept = [...this.ledger.templates.values()].some((template) => template.name === name);
      must("reply-after-commit", kept, () => `template ${name} was accepted, and is not stored`);
    });
  }

  /** The client has a positive reply. */
  submitted(row: TaskRow, request: SubmitTask): void {
    this.check(() => {
      const task = this.ledger.tasksByUuid.get(row.id);
      must("reply-after-commit", task !== undefined, () => `task ${row.id} was accepted, and is not stored`);
      must("payloads-unchanged", task.row.context === request.context, () => `task ${row.id} has ${task.row.context}`);
      this.accepted.add(row.id);
      const { idempotencyKey } = request;
      if (idempotencyKey === null) return;
      const before = this.#keys.get(idempotencyKey) ?? row.id;
      must("one-task-per-key", before === row.id, () => `${idempotencyKey} was ${before} and is now ${row.id}`);
      this.#keys.set(idempotencyKey, row.id);
    });
  }

  /** The client is told that its key belongs to something else. */
  conflicted({ idempotencyKey, fingerprint }: SubmitTask): void {
    this.check(() => {
      const taskId = this.ledger.keys.get(idempotencyKey ?? "");
      const other = taskId !== undefined && this.ledger.tasks.get(taskId)!.row.fingerprint !== fingerprint;
      must("conflicts-are-real", other, () => `${idempotencyKey} was refused as a conflict, and is none`);
    });
  }

  /** The client is told that nothing was stored. */
  refused({ context, idempotencyKey }: SubmitTask, error: TaskerError): void {
    // A keyed request may have been stored by an earlier attempt.
    if (idempotencyKey !== null) return;
    this.check(() => {
      const stored = [...this.ledger.tasks.values()].some(({ row }) => row.context === context);
      must("refusals-store-nothing", !stored, () => `${context} was refused (${error.code}), and is stored`);
    });
  }

  /** The client is told that this task is cancelled. */
  cancelled(id: string): void {
    this.check(() => {
      const status = this.ledger.tasksByUuid.get(id)?.status;
      must("reply-after-commit", status === "cancelled", () => `task ${id} was cancelled, and is ${status}`);
    });
  }

  /** Something threw that nobody made to throw. */
  crashed(error: Error): void {
    this.violation ??= new Violation("no-crash", `${error.stack}`);
  }

  // -------------------------------------------------------------------------------------------------- at a handler

  /** A handler starts. Protocol 1.0 has no lease ids to tell a doubled batch by, so its workers are not held to that. */
  executes(received: ReceivedStep, worker: string, protocol: "1.0" | "2.0" = "2.0"): Execution {
    const { leaseId, stepName } = received;
    const lease = this.ledger.leases.get(leaseId);
    this.check(() => {
      must(
        "commit-before-effects",
        lease !== undefined,
        () => `${worker} executes ${leaseId}, which was never committed`,
      );
      const { task, step } = lease;
      must("payloads-unchanged", received.context === task.row.context, () => `${leaseId} came with another context`);
      const expected = previousResults(task, step);
      must(
        "payloads-unchanged",
        received.previousResults === expected,
        () => `${leaseId}: ${received.previousResults}`,
      );
      if (protocol === "2.0") this.#checkRepetition(received, worker, task, step);
    });
    const taskId = lease?.task.row.taskId ?? 0;
    return this.executions.start({ leaseId, taskId, stepName, worker, protocol, startedAt: this.#now() });
  }

  #checkRepetition({ leaseId }: ReceivedStep, worker: string, task: TaskAccount, step: StepAccount): void {
    const again = this.executions.underLease(leaseId).length > 0;
    must("lease-runs-once", !again, () => `${worker} executes ${leaseId} for the second time`);
    if (task.template.steps[step.index]!.on_lost !== "hold") return;
    const earlier = this.executions.ofStep(task.row.taskId, step.name);
    const unknown = earlier.find((execution) => !this.ledger.applied.has(execution.leaseId));
    must("hold-is-held", unknown === undefined, () => `${worker} executes ${leaseId} after ${unknown!.leaseId}`);
  }

  /** A handler ends. @param output JSON text; null: it failed */
  executed(execution: Execution, output: string | null): void {
    execution.ending = output === null ? "failed" : "completed";
    execution.output = output;
  }

  /** A worker was told that it may forget the answer under this lease. */
  forgets(worker: string, leaseId: string): void {
    this.check(() => {
      const { applied, recorded } = this.ledger;
      const kept = applied.has(leaseId) || recorded.has(leaseId);
      must("ack-after-commit", kept, () => `${worker} forgets the result of ${leaseId}, which is not in the store`);
    });
  }

  /** Nobody is, but one of two that go by the same name. */
  workerRefused({ name, hasDouble }: WorkerPlan, reason: string, detail: string): void {
    if (hasDouble && reason === "duplicate_worker_id") return;
    this.check(() => must("nobody-is-refused", false, () => `${name} is refused: ${reason}, ${detail}`));
  }

  /** Faults have stopped long ago. */
  mustBeFinished(pendingRequests: number): void {
    must("requests-are-answered", pendingRequests === 0, () => `${pendingRequests} requests have no answer`);
    const [stuck] = this.ledger.activeTasks.filter(({ status }) => status === "in_progress");
    must("everything-finishes", stuck === undefined, () => `task ${stuck!.row.taskId}: ${describe(stuck!)}`);
  }
}

function describe({ status, steps }: TaskAccount): string {
  return `${status} with ${[...steps.values()].map(({ name, state, leases }) => `${name} ${state} ${leases.at(-1) ?? ""}`).join(", ")}`;
}

function isLive(state: string): boolean {
  return state === "ready" || state === "in_progress" || state === "waiting_for_retry";
}

function isOpen(state: string): boolean {
  return isLive(state) || state === "pending" || state === "in_doubt";
}
