/**
 * A worker of protocol 2.0 over bare sockets that does what the specification says, written so that each rule has a method
 * of its own: the wrong workers override one, and are wrong in that alone.
 */
import { randomBytes } from "node:crypto";
import { parseLossless, stringifyLossless } from "@tasker/json";
import {
  type ControlMessage,
  type DecodedBatch,
  type DecodedStep,
  decodeOrchestratorMessage,
  ProtocolError,
  type WelcomeMessage,
} from "@tasker/protocol";
import { Publisher, Subscriber } from "zeromq";
import { HandlerFailure, handlers, type RawHandler } from "./handlers.ts";

/** A lease that this worker holds: queued, running, or overdue. */
export interface Held {
  readonly leaseId: string;
  readonly batchId: string;
  readonly step: DecodedStep;
  readonly abort: AbortController;
  state: "queued" | "running" | "overdue";
  cancelled: boolean;
}

/** A result as it goes over the wire, its payloads as JSON text. */
export interface Result {
  readonly status: "completed" | "failed";
  readonly output: string;
  readonly error: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface OutboxEntry {
  readonly held: Held;
  readonly result: Result;
  readonly isTimeout: boolean;
  delayMs: number;
  dueAt: number;
}

const silenceMs = 4_000;
const tickMs = 50;

export class RawWorker {
  readonly workerId = process.env.TASKER_WORKER_ID ?? `raw-${process.pid}`;
  readonly concurrency = Number(process.env.TASKER_CONCURRENCY ?? 4);
  readonly handlers: Readonly<Record<string, RawHandler>> = handlers;
  readonly held = new Map<string, Held>();
  readonly outbox = new Map<string, OutboxEntry>();
  seen = new Set<number>();
  session = "";
  state: "hello" | "ready" | "closed" = "hello";
  draining = false;
  welcome: WelcomeMessage | null = null;
  lastSeq = 0;
  heardAt = 0;
  helloAt = 0;
  helloDelayMs = 250;
  heartbeatAt = 0;
  progress = new Map<string, unknown>();
  subscriber: Subscriber | null = null;
  publisher: Publisher | null = null;

  start(): void {
    process.on("SIGTERM", () => this.drain());
    this.connect();
    setInterval(() => this.tick(), tickMs);
  }

  // --------------------------------------------------------------------------------------------------------- session

  connect(): void {
    this.subscriber?.close();
    this.publisher?.close();
    this.session = this.newSession();
    this.state = "hello";
    this.lastSeq = 0;
    this.seen = new Set();
    this.heardAt = performance.now();
    this.helloDelayMs = 250;
    this.helloAt = this.heardAt + 10;
    this.publisher = new Publisher({ linger: 0, sendTimeout: 0, sendHighWaterMark: 10_000 });
    this.subscriber = new Subscriber({ linger: 0 });
    this.publisher.connect(process.env.TASKER_RESULTS_ENDPOINT!);
    this.subscriber.connect(process.env.TASKER_STEPS_ENDPOINT!);
    this.subscriber.subscribe(this.subscription());
    void this.listen(this.subscriber);
  }

  newSession(): string {
    return `${this.workerId}-${randomBytes(4).toString("hex")}`;
  }

  subscription(): string {
    return `@${this.session} `;
  }

  async listen(subscriber: Subscriber): Promise<void> {
    while (!subscriber.closed) {
      try {
        const frames = await subscriber.receive();
        if (!subscriber.closed) this.receive(frames);
      } catch (error) {
        if (!subscriber.closed) throw error;
      }
    }
  }

  tick(): void {
    if (this.state === "closed") return;
    const now = performance.now();
    if (now - this.heardAt >= silenceMs) this.lose();
    if (this.state === "hello" && now >= this.helloAt) this.sayHello();
    if (this.state !== "ready") return;
    if (now >= this.heartbeatAt) this.beat();
    for (const entry of this.outbox.values()) {
      if (now < entry.dueAt) continue;
      entry.delayMs = Math.min(entry.delayMs * 2, 10_000);
      entry.dueAt = now + entry.delayMs;
      this.resend(entry);
    }
    this.leaveIfDone();
  }

  lose(): void {
    this.connect();
  }

  sayHello(): void {
    this.state = "hello";
    this.helloAt = performance.now() + this.helloDelayMs;
    this.helloDelayMs = Math.min(this.helloDelayMs * 2, 5_000);
    this.say("worker", { type: "hello", protocol_version: "2.0", session: this.session, ...this.terms() });
  }

  terms() {
    return {
      worker_id: this.workerId,
      protocols: ["2.0"],
      codecs: ["json"],
      language: "typescript",
      pool: process.env.TASKER_POOL ?? "default",
      handlers: Object.keys(this.handlers),
      capacity: this.capacity(),
      leases: [...this.held.values()].filter(({ state }) => state !== "overdue").map(({ leaseId }) => leaseId),
      outbox: [...this.outbox.keys()],
    };
  }

  capacity(): number {
    const overdue = [...this.held.values()].filter(({ state }) => state === "overdue").length;
    return this.draining ? 0 : Math.max(1, this.concurrency - overdue);
  }

  leases(): string[] {
    const held = [...this.held.values()].filter(({ state }) => state !== "overdue").map(({ leaseId }) => leaseId);
    return [...new Set([...held, ...this.outbox.keys()])];
  }

  beat(): void {
    this.heartbeatAt = performance.now() + this.welcome!.heartbeat_ms;
    const progress = [...this.progress].map(([lease_id, value]) => ({ lease_id, progress: value }));
    this.progress.clear();
    this.say("worker", {
      type: "heartbeat",
      protocol_version: "2.0",
      session: this.session,
      epoch: this.welcome!.epoch,
      last_seq: this.lastSeq,
      leases: this.leases(),
      capacity: this.capacity(),
      progress,
    });
  }

  say(topic: string, message: object): void {
    this.sendText(`${topic} ${stringifyLossless(message)}`);
  }

  sendText(text: string): void {
    this.publisher!.send(text).catch(() => {});
  }

  // ----------------------------------------------------------------------------------------------------------- heard

  receive(frames: readonly Buffer[]): void {
    if (frames.length !== 1 || this.state === "closed") return;
    this.heardAt = performance.now();
    try {
      const message = this.decode(frames[0]!);
      if ("steps" in message) this.onBatch(message);
      else this.onControl(message);
    } catch (error) {
      this.onMalformed(error as Error);
    }
  }

  decode(frame: Buffer): DecodedBatch | ControlMessage {
    return decodeOrchestratorMessage(frame);
  }

  onMalformed(error: Error): void {
    if (!(error instanceof ProtocolError)) throw error;
    console.error(`refused: ${error.code}: ${error.message}`);
  }

  onControl(message: ControlMessage): void {
    if (message.type === "welcome") this.onWelcome(message);
    else if (message.type === "rehello") this.onRehello();
    else if (message.type === "refuse") this.onRefuse(message.reason, message.detail);
    else if (message.type === "cancel") for (const lease of message.lease_ids) this.onCancel(lease);
    else if (message.type === "drain") this.drain();
    else if (message.type === "result_ack") {
      for (const lease of message.lease_ids) this.onAck(lease);
      for (const lease of message.timeout_ids ?? []) this.onTimeoutAck(lease);
    }
  }

  onWelcome(message: WelcomeMessage): void {
    this.welcome = message;
    this.state = "ready";
    this.heartbeatAt = performance.now() + message.heartbeat_ms;
    for (const entry of this.outbox.values()) {
      entry.delayMs = 500;
      entry.dueAt = 0;
    }
    this.tick();
  }

  onRehello(): void {
    this.helloDelayMs = 250;
    this.sayHello();
  }

  onRefuse(reason: string, detail: string): void {
    console.error(`refused: ${reason}: ${detail}`);
    this.close(1);
  }

  // ---------------------------------------------------------------------------------------------------------- batches

  onBatch(batch: DecodedBatch): void {
    if (!this.isNew(batch)) return;
    this.seen.add(batch.seq!);
    this.lastSeq = Math.max(this.lastSeq, batch.seq!);
    const draining: string[] = [];
    const unknown: string[] = [];
    for (const step of batch.steps) {
      const leaseId = step.metadata.lease_id!;
      if (this.holds(leaseId)) continue;
      if (this.draining) draining.push(leaseId);
      else if (this.handlers[step.handler_class] === undefined) unknown.push(leaseId);
      else {
        const held: Held = {
          leaseId,
          batchId: batch.batch_id,
          step,
          abort: new AbortController(),
          state: "queued",
          cancelled: false,
        };
        this.held.set(leaseId, held);
      }
    }
    this.reject(draining, "draining");
    this.reject(unknown, "unknown_handler");
    const unreadable = batch.refused.map(({ error }) => error.ids.leaseId).filter((lease) => lease !== null);
    this.reject(unreadable, "malformed");
    this.pump();
  }

  /** a seq that was seen is a doubled message. */
  isNew({ seq }: DecodedBatch): boolean {
    return seq !== undefined && !this.seen.has(seq);
  }

  holds(leaseId: string): boolean {
    return this.held.has(leaseId) || this.outbox.has(leaseId);
  }

  reject(lease_ids: readonly string[], reason: string): void {
    if (lease_ids.length === 0) return;
    this.say("worker", { type: "reject", protocol_version: "2.0", session: this.session, lease_ids, reason });
  }

  pump(): void {
    for (const held of this.held.values()) {
      const busy = [...this.held.values()].filter(({ state }) => state !== "queued").length;
      if (busy >= this.concurrency) return;
      if (held.state === "queued") this.begin(held);
    }
  }

  begin(held: Held): void {
    held.state = "running";
    const timer = setTimeout(() => this.onTimeout(held), held.step.metadata.timeout_ms);
    void this.call(held).then((result) => {
      clearTimeout(timer);
      this.onEnd(held, result);
    });
  }

  /** Runs the handler. Never rejects. */
  async call(held: Held): Promise<Result> {
    const { step, abort } = held;
    const { attempt, retry_limit, idempotency_key, task_uuid } = step.metadata;
    try {
      const output = await this.handlers[step.handler_class]!({
        config: this.read(step.handler_config),
        context: this.read(step.task_context),
        previousResults: this.read(step.previous_results),
        taskId: task_uuid!,
        stepName: step.step_name,
        attempt,
        retryLimit: retry_limit,
        idempotencyKey: idempotency_key!,
        signal: abort.signal,
        progress: (value) => this.progress.set(held.leaseId, value),
      });
      return this.completed(output);
    } catch (error) {
      return this.failed(held, error as Error);
    }
  }

  read(text: string): unknown {
    return parseLossless(text);
  }

  write(value: unknown): string | undefined {
    return stringifyLossless(value);
  }

  completed(value: unknown): Result {
    const output = this.write(value);
    if (output === undefined) return failure("not_json", "the handler returned something that is not JSON");
    const limit = this.welcome?.limits.max_output_bytes ?? 4 * 1024 * 1024;
    if (Buffer.byteLength(output) > limit) return failure("output_too_large", `more than ${limit} bytes`);
    return { status: "completed", output, error: "null", metadata: {} };
  }

  failed(held: Held, error: Error): Result {
    if (held.cancelled && held.abort.signal.reason === error) return failure("cancelled", error.message);
    if (error instanceof HandlerFailure) return failure(error.code, error.message, error.metadata);
    return failure("handler_error", error.message);
  }

  onTimeout(held: Held): void {
    held.state = "overdue";
    this.put(held, failure("timeout", `the handler did not end within ${held.step.metadata.timeout_ms} ms`), true);
    held.abort.abort(new Error("timeout"));
    this.beat();
  }

  onEnd(held: Held, result: Result): void {
    const stopped = held.state === "overdue" && held.abort.signal.aborted && result.error.includes('"timeout"');
    this.held.delete(held.leaseId);
    this.progress.delete(held.leaseId);
    if (!stopped) this.put(held, result, false);
    this.pump();
  }

  // ----------------------------------------------------------------------------------------------------------- outbox

  put(held: Held, result: Result, isTimeout: boolean): void {
    const entry: OutboxEntry = { held, result, isTimeout, delayMs: 1_000, dueAt: performance.now() + 1_000 };
    this.outbox.set(held.leaseId, entry);
    if (this.state === "ready") this.send(entry);
  }

  send({ held, result }: OutboxEntry): void {
    const { leaseId, batchId, step } = held;
    this.sendText(this.resultText(batchId, leaseId, step, result));
  }

  resend(entry: OutboxEntry): void {
    this.send(entry);
  }

  resultText(batchId: string, leaseId: string, step: DecodedStep, { status, output, error, metadata }: Result): string {
    const about = stringifyLossless({ lease_id: leaseId, attempt: step.metadata.attempt, ...metadata });
    const item = `{"step_id":${step.step_id},"status":"${status}","output":${output},"error":${error},"metadata":${about}}`;
    const head = `"batch_id":${JSON.stringify(batchId)},"protocol_version":"2.0","session":"${this.session}"`;
    return `results {${head},"results":[${item}]}`;
  }

  onAck(leaseId: string): void {
    this.outbox.delete(leaseId);
  }

  onTimeoutAck(leaseId: string): void {
    if (this.outbox.get(leaseId)?.isTimeout === true) this.outbox.delete(leaseId);
  }

  // ----------------------------------------------------------------------------------------------- cancel, drain, end

  onCancel(leaseId: string): void {
    const held = this.held.get(leaseId);
    if (held === undefined) return;
    held.cancelled = true;
    if (held.state === "queued") this.onEnd(held, failure("cancelled", "the task was cancelled"));
    else held.abort.abort(new Error("the task was cancelled"));
  }

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    const waiting = [...this.held.values()].filter(({ state }) => state === "queued").map(({ leaseId }) => leaseId);
    for (const lease of waiting) this.held.delete(lease);
    this.reject(waiting, "draining");
    if (this.state === "ready") this.beat();
  }

  leaveIfDone(): void {
    if (this.draining && this.held.size === 0 && this.outbox.size === 0) this.leave();
  }

  leave(): void {
    this.say("worker", { type: "bye", protocol_version: "2.0", session: this.session, last_seq: this.lastSeq });
    this.close(0);
  }

  /** Ends the process once what was said has left it. */
  close(code: number): void {
    this.state = "closed";
    this.publisher!.linger = 1_000;
    this.publisher!.close();
    this.subscriber!.close();
    process.exitCode = code;
    setTimeout(() => process.exit(code), 200);
  }
}

export function failure(
  code: string | undefined,
  message: string,
  metadata: Readonly<Record<string, unknown>> = {},
): Result {
  return { status: "failed", output: "null", error: JSON.stringify({ code, message }), metadata };
}
