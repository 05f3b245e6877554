/**
 * A worker's side of the protocol with one orchestrator (spec section 6.1), without sockets, timers or a clock of its own:
 * frames, outcomes and ticks come in; frames, steps to run and calls of `SessionEvents` go out.
 *
 *   connecting -> hello (backing off) -> ready -> draining -> closed;  4 s of silence: lost, which is connecting again
 *
 * Promises: a lease runs at most once here, and every result is kept until the orchestrator has acknowledged it.
 */
import {
  type CheckpointAckMessage,
  type Codec,
  type ControlMessage,
  type DecodedBatch,
  decodeOrchestratorMessage,
  defaultLimits,
  encodeResults,
  encodeWorkerMessage,
  type HeartbeatMessage,
  type Limits,
  ProtocolError,
  type RejectMessage,
  type ResultAckMessage,
  type ResultItem,
  sessionName,
  type WelcomeMessage,
} from "@tasker/protocol";
import { timedOut } from "../handler/outcome.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Holdings } from "./holdings.ts";
import { Outbox, type OutboxEntry } from "./outbox.ts";
import type { Outcome, SessionPorts, StepRequest, WorkerTerms } from "./ports.ts";
import { RecentBatches } from "./recent-batches.ts";
import { resultItem, splitBySize } from "./results.ts";

export type SessionState = "connecting" | "hello" | "ready" | "draining" | "closed";

const silenceMs = 4_000;
/** PUB drops what is published before it is connected, so the first hello waits a moment. */
const firstHelloMs = 10;
const helloAgainMs = 250;
const longestHelloMs = 5_000;
const jitter = 0.2;
const lingerAfterByeMs = 2_000;
/** A tick may be this late; beyond that, the process was stopped, and that is nobody's silence. */
const lateTickMs = 500;
/** So that cursors delay what is behind them by little. */
const checkpointBytesPerHeartbeat = 1024 * 1024;
const limitsBeforeWelcome: Limits = {
  max_message_bytes: defaultLimits.messageBytes,
  max_output_bytes: 4 * 1024 * 1024,
  max_steps_per_batch: defaultLimits.stepsPerBatch,
  max_checkpoint_bytes: defaultLimits.checkpointBytes,
};

export class Session {
  readonly #ports: SessionPorts;
  readonly #terms: WorkerTerms;
  readonly #handlers: ReadonlySet<string>;
  /** Marks its steps and outcomes among those of several orchestrators. */
  readonly #origin: number;
  readonly #holdings = new Holdings();
  #recentBatches = new RecentBatches();
  readonly #outbox: Outbox;
  readonly #progress = new Map<string, string>();
  readonly #checkpoints = new Checkpoints();
  #connection: "connecting" | "hello" | "ready" | "closed" = "closed";
  #name = "";
  #epoch = "";
  #codec: Codec = "json";
  #limits = limitsBeforeWelcome;
  #lastSeq = 0;
  #heardAt = 0;
  #helloAt = 0;
  #helloDelayMs = helloAgainMs;
  #heartbeatMs = 1_000;
  #heartbeatAt = 0;
  #draining = false;
  /** When it closes at the latest; null: not asked to. */
  #leaveAt: number | null = null;
  #overdue = 0;

  constructor(terms: WorkerTerms, ports: SessionPorts, origin = 0) {
    this.#terms = terms;
    this.#handlers = new Set(terms.handlers);
    this.#ports = ports;
    this.#origin = origin;
    this.#outbox = new Outbox(() => ports.random.uniform());
  }

  get state(): SessionState {
    return this.#connection !== "closed" && this.#draining ? "draining" : this.#connection;
  }

  /** The session's name on the wire; another one after every loss. */
  get name(): string {
    return this.#name;
  }

  /** Results that are not acknowledged. */
  get outboxSize(): number {
    return this.#outbox.size;
  }

  /** Monotonic time of the next tick that has something to do; Infinity when closed. */
  get wakesAt(): number {
    if (this.#connection === "closed") return Number.POSITIVE_INFINITY;
    const silentAt = this.#heardAt + silenceMs;
    const leaveAt = this.#leaveAt ?? Number.POSITIVE_INFINITY;
    if (this.#connection !== "ready") return Math.min(silentAt, this.#helloAt, leaveAt);
    return Math.min(silentAt, this.#heartbeatAt, this.#outbox.earliest, leaveAt);
  }

  // ----------------------------------------------------------------------------------------------- what others ask

  start(): void {
    this.#connect();
  }

  /** Time has passed. May be called at any time; call it at `wakesAt`, which any other call may have moved. */
  tick(): void {
    if (this.#connection === "closed") return;
    const now = this.#now;
    this.#forgivePause(now);
    if (this.#leaveIfDone(now)) return;
    if (now - this.#heardAt >= silenceMs) this.#lose();
    if (this.#connection === "ready") {
      if (now >= this.#heartbeatAt) this.#sendHeartbeat();
      this.#sendEntries(this.#outbox.takeDue(now));
    } else if (now >= this.#helloAt) this.#sendHello();
  }

  /** Handlers ended. Outcomes of leases that it does not hold are ignored. */
  finish(outcomes: readonly Outcome[]): void {
    const now = this.#now;
    const fresh: OutboxEntry[] = [];
    this.#sendLastCheckpoints(outcomes);
    for (const outcome of outcomes) {
      const holding = this.#holdings.end(outcome.leaseId, outcome.errorCode === "timeout");
      if (holding === undefined) continue;
      this.#progress.delete(outcome.leaseId);
      this.#checkpoints.forget(outcome.leaseId);
      const entry = this.#outbox.put(outcome.leaseId, holding.batchId, resultItem(outcome, holding), now);
      if (entry !== null) fresh.push(entry);
    }
    if (this.#connection === "ready") this.#sendEntries(fresh);
  }

  /** The time of this attempt is over, and its handler holds the main thread, which cannot say so itself (spec R-57). */
  overrun(leaseId: string, timeoutMs: number): void {
    if (!this.#holdings.has(leaseId)) return;
    this.#warn("step.overrun", { lease: leaseId, timeout_ms: timeoutMs });
    const frame = { origin: this.#origin, leaseId, executionTimeMs: timeoutMs, handlerVersion: null };
    this.finish([timedOut(frame, timeoutMs)]);
  }

  /** These were never begun, and never will be. */
  giveBack(leaseIds: readonly string[]): void {
    this.#reject(
      leaseIds.filter((leaseId) => this.#holdings.release(leaseId)),
      "draining",
    );
  }

  /** The latest progress of a lease travels with the next heartbeat. */
  progress(leaseId: string, progressJson: string): void {
    if (this.#holdings.has(leaseId)) this.#progress.set(leaseId, progressJson);
  }

  /**
   * A handler saved how far it is. Sent at once, or after the one before it; settled by `checkpointSettled`.
   * @param seq numbers the cursors of the lease, from 1
   */
  checkpoint(leaseId: string, seq: number, cursor: string): void {
    if (!this.#holdings.has(leaseId)) this.#ports.events.checkpointSettled(leaseId, seq, "stale_lease");
    else if (this.#checkpoints.save({ lease_id: leaseId, seq, cursor })) this.#heartbeatSoon();
  }

  /** So many handlers have run past their timeouts and still fill their slots. */
  overdue(count: number): void {
    this.#overdue = count;
    if (this.#connection === "ready") this.#sendHeartbeat();
  }

  /** Takes no more steps. */
  drain(): void {
    if (this.#draining || this.#connection === "closed") return;
    this.#draining = true;
    if (this.#connection === "ready") this.#sendHeartbeat();
  }

  /** Says bye and closes as soon as every result is acknowledged, after `flushMs` at the latest. */
  leave(flushMs: number): void {
    if (this.#connection === "closed") return;
    this.drain();
    this.#leaveAt = this.#now + flushMs;
    this.#leaveIfDone(this.#now);
  }

  // -------------------------------------------------------------------------------------------------- what is heard

  /** A frame arrived. Never throws: what cannot be read is logged. */
  receive(frame: Uint8Array): void {
    if (this.#connection === "closed") return;
    let message: DecodedBatch | ControlMessage;
    try {
      message = decodeOrchestratorMessage(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#heardAt = this.#now;
      if (error.code !== "unknown_type") this.#warn("message.refused", { code: error.code, error: error.message });
      return;
    }
    this.#heardAt = this.#now;
    if ("steps" in message) this.#takeBatch(message);
    else this.#takeControl(message);
  }

  #takeControl(message: ControlMessage): void {
    switch (message.type) {
      case "welcome":
        this.#welcomed(message);
        return;
      case "rehello":
        this.#sayHelloAgain(message.reason);
        return;
      case "refuse":
        this.#refused(message.reason, message.detail);
        return;
      case "result_ack":
        this.#acknowledged(message);
        break;
      case "checkpoint_ack":
        this.#settleCheckpoints(message);
        break;
      case "cancel":
        this.#ports.events.cancel(message.lease_ids, message.reason);
        break;
      case "drain":
        this.#ports.events.drainRequested(message.reason);
        break;
      case "ping":
        break;
    }
    if (this.#connection === "ready" && message.epoch !== this.#epoch) this.#sayHelloAgain("other_epoch");
  }

  #takeBatch(batch: DecodedBatch): void {
    if (batch.seq === undefined) {
      this.#warn("message.refused", { error: "a batch of protocol 1.0" });
      return;
    }
    this.#lastSeq = Math.max(this.#lastSeq, batch.seq);
    if (!this.#recentBatches.add(batch.seq)) return;
    const accepted: StepRequest[] = [];
    const draining: string[] = [];
    const unknown: string[] = [];
    for (const step of batch.steps) {
      const leaseId = step.metadata.lease_id!;
      if (this.#outbox.has(leaseId) || this.#holdings.has(leaseId)) continue;
      if (this.#draining) draining.push(leaseId);
      else if (!this.#handlers.has(step.handler_class)) unknown.push(leaseId);
      else {
        const { step_id: stepId, metadata } = step;
        this.#holdings.add({ leaseId, batchId: batch.batch_id, stepId, attempt: metadata.attempt });
        accepted.push(this.#request(batch.batch_id, step));
      }
    }
    if (accepted.length > 0) this.#ports.events.run(accepted);
    this.#reject(draining, "draining");
    this.#reject(unknown, "unknown_handler");
    if (batch.refused.length > 0) this.#rejectMalformed(batch);
  }

  #request(batchId: string, step: DecodedBatch["steps"][number]): StepRequest {
    const { metadata } = step;
    return {
      origin: this.#origin,
      batchId,
      leaseId: metadata.lease_id!,
      stepName: step.step_name,
      handler: step.handler_class,
      config: step.handler_config,
      context: step.task_context,
      previousResults: step.previous_results,
      attempt: metadata.attempt,
      retryLimit: metadata.retry_limit,
      timeoutMs: metadata.timeout_ms,
      idempotencyKey: metadata.idempotency_key!,
      taskId: metadata.task_uuid!,
      maxOutputBytes: this.#limits.max_output_bytes,
      cursor: metadata.checkpoint ?? null,
      maxCheckpointBytes: this.#limits.max_checkpoint_bytes,
    };
  }

  #rejectMalformed(batch: DecodedBatch): void {
    const leases: string[] = [];
    for (const { error } of batch.refused) {
      this.#warn("step.refused", { batch: batch.batch_id, code: error.code, error: error.message });
      if (error.ids.leaseId !== null) leases.push(error.ids.leaseId);
    }
    this.#reject(leases, "malformed");
  }

  #reject(leaseIds: readonly string[], reason: RejectMessage["reason"]): void {
    if (leaseIds.length === 0) return;
    this.#ports.log.info("steps.rejected", { session: this.#name, reason, leases: leaseIds });
    this.#send({ type: "reject", protocol_version: "2.0", session: this.#name, lease_ids: leaseIds, reason });
  }

  #acknowledged({ lease_ids, timeout_ids = [] }: ResultAckMessage): void {
    const now = this.#now;
    const next = [
      ...lease_ids.map((leaseId) => this.#outbox.acknowledge(leaseId, now)),
      ...timeout_ids.map((leaseId) => this.#outbox.acknowledgeTimeout(leaseId, now)),
    ];
    if (this.#connection === "ready") this.#sendEntries(next.filter((entry) => entry !== null));
    this.#leaveIfDone(now);
  }

  #settleCheckpoints({ checkpoints }: CheckpointAckMessage): void {
    for (const { lease_id, seq, refused } of checkpoints) {
      if (this.#checkpoints.settle(lease_id, seq)) this.#heartbeatSoon();
      this.#ports.events.checkpointSettled(lease_id, seq, refused ?? null);
    }
  }

  // ------------------------------------------------------------------------------------------- coming and going

  #connect(): void {
    const now = this.#now;
    this.#name = sessionName(this.#terms.workerId, this.#ports.random.token().slice(0, 8));
    this.#connection = "connecting";
    this.#lastSeq = 0;
    this.#codec = "json";
    this.#recentBatches = new RecentBatches();
    this.#heardAt = now;
    this.#helloDelayMs = helloAgainMs;
    this.#helloAt = now + firstHelloMs;
    this.#ports.log.debug("session.connecting", { session: this.#name });
    this.#ports.wire.open(this.#name);
  }

  /** Handlers run on, leases and outbox are kept; only the connection is made anew. */
  #lose(): void {
    this.#warn("session.lost", {
      was: this.#connection,
      silent_ms: silenceMs,
      holding: this.#holdings.size,
      outbox: this.#outbox.size,
    });
    this.#connect();
  }

  #sendHello(): void {
    this.#connection = "hello";
    const spread = 1 + jitter * (2 * this.#ports.random.uniform() - 1);
    this.#helloAt = this.#now + this.#helloDelayMs * spread;
    this.#helloDelayMs = Math.min(this.#helloDelayMs * 2, longestHelloMs);
    const { workerId, pool, version, handlers, codec } = this.#terms;
    this.#send({
      type: "hello",
      protocol_version: "2.0",
      session: this.#name,
      worker_id: workerId,
      protocols: ["2.0"],
      codecs: codec === "json" ? ["json"] : [codec, "json"],
      language: "typescript",
      sdk: "typescript/0.1",
      version,
      pool,
      handlers,
      capacity: this.#capacity,
      leases: [...this.#holdings.leaseIds()],
      outbox: [...this.#outbox.leaseIds()],
    });
  }

  #sayHelloAgain(reason: string): void {
    this.#ports.log.debug("session.hello_again", { session: this.#name, reason });
    this.#helloDelayMs = helloAgainMs;
    this.#sendHello();
  }

  #welcomed(message: WelcomeMessage): void {
    if (message.version !== "2.0") {
      this.#refused("protocol_version", `the orchestrator chose ${message.version}`);
      return;
    }
    if (message.codec !== "json" && message.codec !== this.#terms.codec) {
      this.#refused("codec", `the orchestrator chose ${message.codec}`);
      return;
    }
    const isNews = this.#connection !== "ready" || message.epoch !== this.#epoch;
    this.#epoch = message.epoch;
    this.#codec = message.codec;
    this.#limits = message.limits;
    this.#heartbeatMs = message.heartbeat_ms;
    this.#connection = "ready";
    this.#heartbeatAt = this.#checkpoints.size > 0 ? this.#now : this.#now + this.#heartbeatMs;
    this.#ports.log[isNews ? "info" : "debug"]("session.ready", {
      session: this.#name,
      orchestrator: message.orchestrator_id,
      epoch: message.epoch,
      codec: message.codec,
      holding: this.#holdings.size,
      outbox: this.#outbox.size,
    });
    this.#outbox.restart();
    this.#sendEntries(this.#outbox.takeDue(this.#now));
  }

  #refused(reason: string, detail: string): void {
    this.#ports.log.error("session.refused", { session: this.#name, reason, detail });
    this.#close(0);
    this.#ports.events.refused(reason, detail);
  }

  #leaveIfDone(now: number): boolean {
    if (this.#leaveAt === null || (this.#outbox.size > 0 && now < this.#leaveAt)) return false;
    if (this.#outbox.size > 0) this.#warn("results.unacknowledged", { leases: [...this.#outbox.leaseIds()] });
    if (this.#connection === "ready" || this.#connection === "hello") {
      this.#send({ type: "bye", protocol_version: "2.0", session: this.#name, last_seq: this.#lastSeq });
    }
    this.#close(lingerAfterByeMs);
    this.#ports.events.closed();
    return true;
  }

  #close(lingerMs: number): void {
    this.#connection = "closed";
    this.#ports.wire.close(lingerMs);
    this.#ports.log.info("session.closed", { session: this.#name });
  }

  /** Time during which this process did not run is nobody's silence: what waits in the sockets is heard first. */
  #forgivePause(now: number): void {
    const lateMs = now - this.wakesAt;
    if (lateMs > lateTickMs) this.#heardAt += Math.min(lateMs, Math.max(0, now - this.#heardAt));
  }

  // -------------------------------------------------------------------------------------------------------- sending

  /** A handler that does not end after its timeout fills its slot, but all such handlers together leave one (spec R-48). */
  get #capacity(): number {
    return this.#draining ? 0 : Math.max(1, this.#terms.capacity - this.#overdue);
  }

  /** With the next tick, so that what is saved until then goes in one message. */
  #heartbeatSoon(): void {
    this.#heartbeatAt = Math.min(this.#heartbeatAt, this.#now);
  }

  /** A cursor that has waited for its turn must not be overtaken by the result that ends its lease (spec R-78). */
  #sendLastCheckpoints(outcomes: readonly Outcome[]): void {
    if (this.#connection !== "ready" || this.#checkpoints.size === 0) return;
    if (outcomes.some(({ leaseId }) => this.#checkpoints.isUnsent(leaseId))) this.#sendHeartbeat();
  }

  #sendHeartbeat(): void {
    this.#heartbeatAt = this.#now + this.#heartbeatMs;
    const progress = [...this.#progress].map(([lease_id, text]) => ({ lease_id, progress: text }));
    this.#progress.clear();
    const [first, ...more] = this.#checkpoints.send(checkpointBytesPerHeartbeat);
    this.#beat(progress, first!);
    for (const checkpoints of more) this.#beat([], checkpoints);
  }

  #beat(progress: HeartbeatMessage["progress"], checkpoints: HeartbeatMessage["checkpoints"]): void {
    this.#send({
      type: "heartbeat",
      protocol_version: "2.0",
      session: this.#name,
      epoch: this.#epoch,
      last_seq: this.#lastSeq,
      leases: [...this.#holdings.leaseIds(), ...this.#outbox.leaseIds()].slice(0, defaultLimits.leases),
      capacity: this.#capacity,
      progress,
      checkpoints,
    });
  }

  /** Results of one batch share a message, results of several do not (spec section 5.5). */
  #sendEntries(entries: readonly OutboxEntry[]): void {
    const batches = new Map<string, ResultItem[]>();
    for (const { batchId, item } of entries) {
      const items = batches.get(batchId);
      if (items === undefined) batches.set(batchId, [item]);
      else items.push(item);
    }
    for (const [batch_id, items] of batches) {
      for (const results of splitBySize(items, this.#limits.max_message_bytes)) {
        this.#ports.wire.send(
          encodeResults({ batch_id, protocol_version: "2.0", session: this.#name, results }, this.#codec),
        );
      }
    }
  }

  #send(message: Parameters<typeof encodeWorkerMessage>[0]): void {
    this.#ports.wire.send(encodeWorkerMessage(message, this.#codec));
  }

  #warn(event: string, fields: Parameters<SessionPorts["log"]["warn"]>[1]): void {
    this.#ports.log.warn(event, { session: this.#name, ...fields });
  }

  get #now(): number {
    return this.#ports.clock.monotonicMs();
  }
}
