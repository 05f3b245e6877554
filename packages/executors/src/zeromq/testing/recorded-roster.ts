/** A roster whose wire, clock and engine are the test: what comes out is recorded, what goes in is typed by hand. */
import type {
  Batch,
  LogFields,
  Random,
  SavedCheckpoint,
  StepRequest,
  StepResult,
  WorkerEvents,
  WorkerInfo,
} from "@tasker/engine";
import {
  type Codec,
  type ControlMessage,
  type DecodedBatch,
  decodeOrchestratorMessage,
  encodeResults,
  encodeWorkerMessage,
  type Frame,
  type HeartbeatMessage,
  type HelloMessage,
  type RejectMessage,
  type ResultItem,
  topicOf,
} from "@tasker/protocol";
import { defaultZeromqConfig, type ZeromqConfig } from "../config.ts";
import { ZeromqCounters } from "../counters.ts";
import { Roster } from "../roster.ts";

export type Event =
  | { readonly event: "joined"; readonly key: string; readonly info: WorkerInfo }
  | { readonly event: "changed"; readonly key: string; readonly capacity?: number; readonly draining?: boolean }
  | { readonly event: "lost"; readonly key: string; readonly reason: string }
  | { readonly event: "results"; readonly key: string | null; readonly results: readonly StepResult[] }
  | {
      readonly event: "rejected";
      readonly key: string;
      readonly leaseIds: readonly string[];
      readonly reason: string;
    }
  | { readonly event: "missing"; readonly key: string; readonly leaseIds: readonly string[] }
  | { readonly event: "progressed"; readonly key: string; readonly leaseId: string; readonly progress: string }
  | { readonly event: "checkpoints"; readonly key: string; readonly checkpoints: readonly SavedCheckpoint[] };

export interface Sent {
  /** The session, or `steps`. */
  readonly to: string;
  readonly message: ControlMessage | DecodedBatch;
  readonly codec: Codec;
}

/** Records what an executor tells the engine. */
export class RecordedEvents implements WorkerEvents {
  events: Event[] = [];
  /** Called with each event, at once. */
  listener: (event: Event) => void = () => {};

  workerJoined(info: WorkerInfo): void {
    this.#note({ event: "joined", key: info.key, info });
  }
  workerChanged(key: string, change: { capacity?: number; draining?: boolean }): void {
    this.#note({ event: "changed", key, ...change });
  }
  workerLost(key: string, reason: string): void {
    this.#note({ event: "lost", key, reason });
  }
  resultsArrived(key: string | null, results: readonly StepResult[]): void {
    this.#note({ event: "results", key, results });
  }
  leasesRejected(key: string, leaseIds: readonly string[], reason: string): void {
    this.#note({ event: "rejected", key, leaseIds, reason });
  }
  leasesMissing(key: string, leaseIds: readonly string[]): void {
    this.#note({ event: "missing", key, leaseIds });
  }
  progressed(key: string, leaseId: string, progress: string): void {
    this.#note({ event: "progressed", key, leaseId, progress });
  }

  checkpointsArrived(key: string, checkpoints: readonly SavedCheckpoint[]): void {
    this.#note({ event: "checkpoints", key, checkpoints });
  }

  #note(event: Event): void {
    this.events.push(event);
    this.listener(event);
  }
}

export class RecordedRoster {
  readonly engine = new RecordedEvents();
  readonly counters = new ZeromqCounters();
  readonly logged: { readonly event: string; readonly fields: LogFields | undefined }[] = [];
  readonly roster: Roster;
  readonly config: ZeromqConfig;
  sent: Sent[] = [];
  /** True: the queues of all workers are full. */
  full = false;
  #now = 5_000;
  #tokens = 0;
  #flushes: (() => void)[] = [];
  #refusals: (() => void)[] = [];

  constructor(config: Partial<ZeromqConfig> = {}) {
    this.config = { ...defaultZeromqConfig, steps: [], results: [], ...config };
    const log = (event: string, fields?: LogFields) => void this.logged.push({ event, fields });
    this.roster = new Roster({
      config: this.config,
      events: this.engine,
      wire: { send: (frame, refused) => this.#send(frame, refused) },
      log: { debug: log, info: log, warn: log, error: log },
      random: { uniform: () => 0.5, uuid: () => "", token: () => this.#token() } satisfies Random,
      orchestratorId: "o1",
      counters: this.counters,
      flushSoon: (flush) => void this.#flushes.push(flush),
    });
    this.roster.tick(this.#now);
  }

  /** The first token that the roster takes. */
  get epoch(): string {
    return "0000000000000001";
  }

  /** @returns what was granted, or null */
  subscribe(topic: string): string | null {
    let granted: string | null = null;
    this.roster.subscriptionJoined(topic, (prefix) => {
      granted = prefix;
    });
    this.settle();
    return granted;
  }

  unsubscribe(prefix: string): void {
    this.roster.subscriptionLeft(prefix);
    this.settle();
  }

  hello(session: string, fields: Partial<HelloMessage> = {}): void {
    this.#arrive(encodeWorkerMessage(buildHello(session, fields)));
  }

  heartbeat(session: string, fields: Partial<HeartbeatMessage> = {}, codec: Codec = "json"): void {
    this.#arrive(encodeWorkerMessage({ ...buildHeartbeat(session, this.epoch), ...fields }, codec));
  }

  reject(session: string, leaseIds: readonly string[], reason: RejectMessage["reason"]): void {
    this.#arrive(
      encodeWorkerMessage({ type: "reject", protocol_version: "2.0", session, lease_ids: leaseIds, reason }),
    );
  }

  /** @param lastSeq null: it does not say */
  bye(session: string, lastSeq: number | null = null): void {
    this.#arrive(encodeWorkerMessage({ type: "bye", protocol_version: "2.0", session, last_seq: lastSeq }));
  }

  results(session: string, batch: Batch): void {
    const results = batch.steps.map(completedItem);
    this.#arrive(encodeResults({ batch_id: batch.batchId, protocol_version: "2.0", session, results }));
  }

  arrive(frame: Frame): void {
    this.#arrive(frame);
  }

  /** Subscribed, welcomed and forgotten by the recording. */
  join(session: string, fields: Partial<HelloMessage> = {}): void {
    this.subscribe(`@${session} `);
    this.hello(session, fields);
    this.takeSent();
    this.takeEvents();
  }

  dispatch(key: string, batchId: string, stepCount = 1): Batch {
    const batch = buildBatch(batchId, stepCount);
    this.roster.dispatch(key, batch);
    this.settle();
    return batch;
  }

  /** Moves time on, tick by tick. `each` runs before every tick. */
  pass(ms: number, each: (passedMs: number) => void = () => {}): void {
    for (let passed = this.config.tickMs; passed <= ms; passed += this.config.tickMs) {
      each(passed);
      this.#now += this.config.tickMs;
      this.roster.tick(this.#now);
      this.settle();
    }
  }

  /** The process stands still: time goes on, no tick happens until the end. */
  freeze(ms: number): void {
    this.#now += ms;
    this.roster.tick(this.#now);
    this.settle();
  }

  /** Runs what was put off until the current burst is over. */
  settle(): void {
    while (this.#flushes.length + this.#refusals.length > 0) {
      for (const refused of this.#refusals.splice(0)) refused();
      for (const flush of this.#flushes.splice(0)) flush();
    }
  }

  takeEvents(): Event[] {
    return this.engine.events.splice(0);
  }

  takeSent(): Sent[] {
    return this.sent.splice(0);
  }

  /** What was said to one session, by type, pings left out. */
  takeSaid(to: string): string[] {
    return this.takeSent()
      .filter((sent) => sent.to === to && sent.message.type !== "ping")
      .map(({ message }) => ("reason" in message ? `${message.type}: ${message.reason}` : (message.type ?? "batch")));
  }

  #send(frame: Frame, refused: () => void): void {
    if (this.full) {
      this.#refusals.push(refused);
      return;
    }
    const bytes = Buffer.from(frame as string);
    const topic = topicOf(bytes)!;
    const to = topic.startsWith("@") ? topic.slice(1) : topic;
    this.sent.push({
      to,
      message: decodeOrchestratorMessage(bytes),
      codec: typeof frame === "string" ? "json" : "msgpack",
    });
  }

  #arrive(frame: Frame): void {
    this.roster.frameArrived(typeof frame === "string" ? Buffer.from(frame) : frame);
    this.settle();
  }

  #token(): string {
    return (++this.#tokens).toString(16).padStart(16, "0");
  }
}

export function buildHello(session: string, fields: Partial<HelloMessage> = {}): HelloMessage {
  return {
    type: "hello",
    protocol_version: "2.0",
    session,
    worker_id: session.slice(0, -9),
    protocols: ["2.0"],
    codecs: ["json"],
    language: "test",
    sdk: "test/1",
    version: "1",
    pool: "default",
    handlers: ["work"],
    capacity: 20,
    leases: [],
    outbox: [],
    ...fields,
  };
}

export function buildHeartbeat(session: string, epoch: string): HeartbeatMessage {
  return {
    type: "heartbeat",
    protocol_version: "2.0",
    session,
    epoch,
    last_seq: 0,
    leases: [],
    capacity: 20,
    progress: [],
    checkpoints: [],
  };
}

export function buildBatch(batchId: string, stepCount = 1): Batch {
  const steps = Array.from({ length: stepCount }, (_, index) => buildRequest(batchId, index + 1));
  return { batchId, steps };
}

function buildRequest(batchId: string, stepId: number): StepRequest {
  return {
    stepId,
    taskId: 1,
    stepName: "work",
    handler: "work",
    staticJson: '"step_name":"work","handler_class":"work","handler_config":{}',
    context: '{"id":9007199254740993}',
    previousResults: "{}",
    leaseId: `${batchId}.${stepId}`,
    attempt: 1,
    retryLimit: 3,
    timeoutMs: 30_000,
    idempotencyKey: "t1:work",
    taskUuid: "0190f3c2-7b3a-7c11-8a2e-000000000001",
    checkpoint: null,
  };
}

export function completedItem({ stepId, leaseId }: Pick<StepRequest, "stepId" | "leaseId">): ResultItem {
  return {
    step_id: stepId,
    status: "completed",
    output: '{"ok":9007199254740993}',
    error: "null",
    error_code: null,
    metadata: { lease_id: leaseId, attempt: 1 },
  };
}
