/**
 * The embedded store. A commit is one fsynced record of the turn log; the tables follow when enough rows wait, when somebody
 * wants to read, and when the store is opened again (docs/decisions/0008-a-turn-log-before-the-tables.md). Reads of the engine
 * see every commit at once. A commit that fails leaves nothing behind; after an `io` failure nobody knows what is durable, so
 * the store refuses everything from then on.
 */
import type { DatabaseSync } from "node:sqlite";
import {
  type PayloadRequest,
  type Payloads,
  type Store,
  type StoredLease,
  StoreError,
  type TaskRow,
  type TurnRecord,
} from "@tasker/engine";
import type { PackedList } from "@tasker/json";
import type { ProcessLock } from "./lock.ts";
import { packTurn } from "./packed-turn.ts";
import { prepareCheckGuards } from "./queries/check-guards.ts";
import { prepareFindActiveTasks } from "./queries/find-active-tasks.ts";
import { prepareFindLeases } from "./queries/find-leases.ts";
import { prepareFindPayloads } from "./queries/find-payloads.ts";
import { prepareFindTasksByKey } from "./queries/find-tasks-by-key.ts";
import { prepareListTemplates } from "./queries/list-templates.ts";
import { prepareNextSequences } from "./queries/next-sequences.ts";
import { asStoreError } from "./sqlite-errors.ts";
import type { RecordPlace, TurnLog } from "./turn-log.ts";
import { Unpublished } from "./unpublished.ts";

/** Who brings the tables up to date: in this thread (`inline-publishing.ts`) or in another (`publisher-client.ts`). */
export interface Publishing {
  /** A turn that the log has. */
  take(turn: number, packed: PackedList, place: RecordPlace): void;
  /** Answers when the tables show every turn that was taken. @throws StoreError */
  publish(durable: boolean): void | Promise<void>;
  /** Answers when the tables have gone on, though maybe not to the last turn, or when that failed. */
  progress(): void | Promise<void>;
  close(): void | Promise<void>;
}

export interface PublishingEvents {
  /** The tables are at this turn; `durable`: for good. */
  published(turn: number, durable: boolean): void;
  /** It failed, and will be tried again; null: it goes on. After `io` and `conflict` it is never tried again. */
  failed(error: StoreError | null): void;
}

export class SqliteStore implements Store, PublishingEvents {
  readonly #reader: DatabaseSync;
  readonly #lock: ProcessLock;
  readonly #log: TurnLog;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #unpublished: Unpublished;
  readonly #publishing: Publishing;
  #turn: number;
  #publishedTurn: number;
  /** The turn up to which the tables have been asked to be durable. */
  #durableAsked = 0;
  #durableTurn: number;
  /** Why the tables do not follow, while they do not. */
  #publishFailure: StoreError | null = null;
  /** Set once: why nothing is answered any more. */
  #broken: StoreError | null = null;
  #closed = false;

  /**
   * @param reader a connection that sees what is published
   * @param turn the last turn, which the tables show
   */
  constructor(
    reader: DatabaseSync,
    lock: ProcessLock,
    log: TurnLog,
    turn: number,
    openPublishing: (events: PublishingEvents) => Publishing,
  ) {
    this.#reader = reader;
    this.#lock = lock;
    this.#log = log;
    this.#turn = turn;
    this.#publishedTurn = turn;
    this.#durableTurn = turn;
    this.#statements = prepareStatements(reader);
    const { taskId, stepId, seq } = this.#statements.nextSequences();
    this.#unpublished = new Unpublished({ taskId: taskId - 1, stepId: stepId - 1, seq: seq - 1 });
    this.#publishing = openPublishing(this);
  }

  sequences() {
    return this.#readPublished("reading the sequences", () => this.#statements.nextSequences());
  }

  templates() {
    return this.#readPublished("reading the templates", () => this.#statements.listTemplates());
  }

  activeTasks(after: number, limit: number) {
    return this.#readPublished("reading the active tasks", () => this.#statements.findActiveTasks(after, limit));
  }

  tasksByIdempotencyKey(keys: readonly string[]): TaskRow[] {
    const known: TaskRow[] = [];
    const others: string[] = [];
    for (const key of new Set(keys)) {
      const created = this.#unpublished.createdByKey(key);
      if (created === undefined) others.push(key);
      else known.push({ ...created, status: this.#unpublished.taskStatus(created.taskId) ?? created.status });
    }
    return known.concat(this.#read("reading idempotency keys", () => this.#statements.findTasksByKey(others)));
  }

  leases(stepIds: readonly number[]): StoredLease[] {
    return this.#read("reading leases", () => stepIds.flatMap((stepId) => this.#lease(stepId) ?? []));
  }

  payloads({ taskIds, stepIds, checkpointsOf }: PayloadRequest): Payloads {
    const contexts = new Map<number, string>();
    const outputs = new Map<number, string>();
    const checkpoints = new Map<number, string>();
    const others = { taskIds: [] as number[], stepIds: [] as number[], checkpointsOf: [] as number[] };
    for (const taskId of taskIds) {
      const created = this.#unpublished.created(taskId);
      if (created === undefined) others.taskIds.push(taskId);
      else contexts.set(taskId, created.context);
    }
    for (const stepId of stepIds) {
      const step = this.#unpublished.step(stepId);
      if (step === undefined || step.turn <= this.#publishedTurn) others.stepIds.push(stepId);
      else if (step.output !== null) outputs.set(stepId, step.output);
    }
    for (const stepId of checkpointsOf) {
      const cursor = this.#unpublished.cursor(stepId);
      if (cursor === undefined) others.checkpointsOf.push(stepId);
      else checkpoints.set(stepId, cursor);
    }
    const stored = this.#read("reading payloads", () => this.#statements.findPayloads(others));
    for (const [taskId, context] of stored.contexts) contexts.set(taskId, context);
    for (const [stepId, output] of stored.outputs) outputs.set(stepId, output);
    for (const [stepId, cursor] of stored.checkpoints) checkpoints.set(stepId, cursor);
    return { contexts, outputs, checkpoints };
  }

  commit(record: TurnRecord): void | Promise<void> {
    this.#assertUsable();
    const ready = this.#tablesFollow();
    if (ready instanceof Promise) return ready.then(() => this.commit(record));
    this.#read("checking guards", () => this.#unpublished.assertFits(record, this.#statements.guards));
    const packed = packTurn(record);
    if (this.#log.isFull) {
      const room = this.#makeRoom();
      if (room instanceof Promise) return room.then(() => this.#append(packed, record));
    }
    return this.#append(packed, record);
  }

  publish(): void | Promise<void> {
    this.#assertUsable();
    if (this.#publishedTurn === this.#turn) return;
    return this.#publishing.publish(false);
  }

  /** Idempotent. What is committed and not published stays in the log. */
  close(): void | Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // The connection that writes is the last, so that it folds SQLite's own log into the file.
    this.#reader.close();
    const closing = this.#publishing.close();
    if (closing instanceof Promise) return closing.finally(() => this.#release());
    this.#release();
  }

  #release(): void {
    this.#log.close();
    this.#lock.release();
  }

  published(turn: number, durable: boolean): void {
    this.#publishedTurn = turn;
    if (durable) this.#durableTurn = turn;
    this.#unpublished.published(turn);
  }

  failed(error: StoreError | null): void {
    this.#publishFailure = error;
    if (error !== null && error.failure !== "full" && error.failure !== "busy") this.#broken ??= error;
  }

  #append(packed: PackedList, record: TurnRecord): void | Promise<void> {
    const turn = this.#turn + 1;
    let place: RecordPlace;
    try {
      place = this.#log.append(turn, packed);
    } catch (error) {
      throw this.#failure(error, "appending to the turn log");
    }
    this.#turn = turn;
    this.#unpublished.add(turn, record, packed.text.length);
    this.#publishing.take(turn, packed, place);
    if (this.#unpublished.isTooMuch) return this.#waitForTables();
  }

  /**
   * On a full disk nothing more is taken until the tables go on. While another program holds them up they may stay behind, up to
   * a limit.
   */
  #tablesFollow(): void | Promise<void> {
    const failure = this.#publishFailure?.failure;
    if (failure === "full" || (failure !== undefined && this.#unpublished.isTooMuch)) {
      return this.#publishing.publish(false);
    }
  }

  /** Until little enough waits again, or it turns out that the tables do not follow: the commit is durable either way. */
  async #waitForTables(): Promise<void> {
    while (this.#unpublished.isTooMuch && this.#publishFailure === null && !this.#closed) {
      await this.#publishing.progress();
    }
  }

  /** The other file of the log is free once the tables have its turns for good; they are asked in good time. */
  #makeRoom(): void | Promise<void> {
    if (this.#log.otherLastTurn <= this.#durableTurn) {
      this.#log.swap();
      this.#askForDurability();
      return;
    }
    return this.#publishDurably().then(() => {
      if (this.#log.otherLastTurn <= this.#durableTurn) this.#log.swap();
    });
  }

  async #publishDurably(): Promise<void> {
    await this.#publishing.publish(true);
  }

  #askForDurability(): void {
    if (this.#durableAsked >= this.#turn) return;
    this.#durableAsked = this.#turn;
    // `failed` hears of it when it does not work.
    this.#publishDurably().catch(() => {});
  }

  #lease(stepId: number): StoredLease | undefined {
    const known = this.#unpublished.step(stepId);
    const [stored] = this.#statements.findLeases([stepId]);
    if (known === undefined) return stored;
    const { taskId, stepIndex, state, attempt, leaseId, answered, replacedLeases } = known;
    const templateId = stored?.templateId ?? this.#templateOf(taskId);
    const earlierLeases = [...new Set([...(stored?.earlierLeases ?? []), ...replacedLeases])];
    return { stepId, taskId, templateId, stepIndex, state, attempt, leaseId, answered, earlierLeases };
  }

  #templateOf(taskId: number): number {
    const templateId = this.#unpublished.created(taskId)?.templateId ?? this.#statements.templateOfTask(taskId);
    if (templateId === undefined) throw new Error(`task ${taskId} has a step and no row`);
    return templateId;
  }

  /** Of rows that only the tables have in full. */
  #readPublished<T>(doing: string, read: () => T): T | Promise<T> {
    const ready = this.publish();
    if (ready instanceof Promise) return ready.then(() => this.#read(doing, read));
    return this.#read(doing, read);
  }

  #read<T>(doing: string, read: () => T): T {
    this.#assertUsable();
    try {
      return read();
    } catch (error) {
      throw this.#failure(error, doing);
    }
  }

  #failure(error: unknown, doing: string): unknown {
    const failure = this.#broken ?? asStoreError(error, doing);
    if (failure instanceof StoreError && failure.failure === "io") this.#broken = failure;
    return failure;
  }

  #assertUsable(): void {
    if (this.#broken === null) return;
    throw new StoreError("io", `the store stopped after a failure: ${this.#broken.message}`, { cause: this.#broken });
  }
}

function prepareStatements(reader: DatabaseSync) {
  return {
    ...prepareCheckGuards(reader),
    nextSequences: prepareNextSequences(reader),
    listTemplates: prepareListTemplates(reader),
    findActiveTasks: prepareFindActiveTasks(reader),
    findTasksByKey: prepareFindTasksByKey(reader),
    findLeases: prepareFindLeases(reader),
    findPayloads: prepareFindPayloads(reader),
  };
}
