/**
 * The orchestrator's sessions and slots under test: the real roster on a wire that may be full, told hostile frames and
 * subscriptions by peers that lie about who they are, under a clock that jumps. The engine behind it is a model that
 * checks the story it is told.
 */
import type { Batch, SavedCheckpoint, StepResult, WorkerEvents, WorkerInfo } from "@tasker/engine";
import { defaultZeromqConfig, Roster, type ZeromqConfig, ZeromqCounters } from "@tasker/executors";
import { decodeOrchestratorMessage, type Frame, ProtocolError, topicOf } from "@tasker/protocol";
import type { SeededRandom } from "@tasker/testkit";
import { tightLimits } from "./decoders.ts";
import type { Frames } from "./frames.ts";
import { between, chance, pick } from "./random.ts";
import { must } from "./violation.ts";
import type { Vocabulary } from "./vocabulary.ts";

const config: ZeromqConfig = {
  ...defaultZeromqConfig,
  steps: ["fuzzed"],
  results: ["fuzzed"],
  limits: {
    ...defaultZeromqConfig.limits,
    maxMessageBytes: tightLimits.messageBytes,
    maxOutputBytes: tightLimits.outputBytes,
    maxSessions: 6,
    maxPlainSlots: 3,
  },
};

/** Longer than any grace: whoever says nothing for so long is lost. */
const quietMs = 20_000;

export class OrchestratorTarget {
  readonly #random: SeededRandom;
  readonly #words: Vocabulary;
  readonly #frames: Frames;
  readonly #engine: ModelEngine;
  readonly #roster: Roster;
  readonly #granted: string[] = [];
  #refusals: (() => void)[] = [];
  #flushes: (() => void)[] = [];
  #full = false;
  #now = 5_000;
  #batches = 0;
  #tokens = 0;

  constructor(random: SeededRandom, words: Vocabulary, frames: Frames) {
    this.#random = random;
    this.#words = words;
    this.#frames = frames;
    this.#engine = new ModelEngine();
    const silent = () => {};
    this.#roster = new Roster({
      config,
      events: this.#engine,
      wire: { send: (frame, refused) => this.#send(frame, refused) },
      log: { debug: silent, info: silent, warn: silent, error: silent },
      random: { uniform: () => random.uniform(), uuid: () => "", token: () => this.#token() },
      orchestratorId: "o1",
      counters: new ZeromqCounters(),
      flushSoon: (flush) => void this.#flushes.push(flush),
    });
    this.#roster.tick(this.#now);
  }

  /** One frame from a worker, after whatever else happens around it. */
  step(): Buffer {
    this.#disturb();
    const frame = this.#frames.next(() => this.#frames.grammar.fromWorker());
    this.#roster.frameArrived(frame);
    this.#settle();
    return frame;
  }

  /** Everybody leaves: nothing of them stays. @throws Violation */
  end(): void {
    this.#full = false;
    for (const prefix of this.#granted.splice(0)) this.#roster.subscriptionLeft(prefix);
    this.#pass(quietMs);
    const { sessions, joined, plain } = this.#roster.population;
    must(sessions + joined + plain === 0, () => `${sessions} sessions, ${joined} workers, ${plain} slots of nobody`);
    must(this.#engine.joined.size === 0, () => `the engine still has ${[...this.#engine.joined.keys()]}`);
  }

  #disturb(): void {
    const random = this.#random;
    switch (random.below(16)) {
      case 0:
        this.#subscribe();
        break;
      case 1:
        if (this.#granted.length > 0 && chance(random, 0.6)) this.#leave();
        break;
      case 2:
        this.#pass(pick(random, [100, 100, 300, 1_000, 3_100]));
        break;
      case 3:
        if (chance(random, 0.1)) this.#stand(pick(random, [1_000, 30_000, 3_600_000]));
        break;
      case 4:
        this.#full = chance(random, 0.3);
        break;
      case 5:
      case 6:
        this.#dispatch();
        break;
      case 7:
        this.#order();
        break;
    }
    this.#settle();
  }

  #subscribe(): void {
    const random = this.#random;
    const draw = random.uniform();
    let topic = `@${this.#words.session()} `;
    if (draw < 0.2) topic = pick(random, ["steps", "steps "]);
    else if (draw < 0.35)
      topic = pick(random, ["", "@", "@ ", "step", "steps.x", `@${"x".repeat(400)} `, "@w1-0a1b2c3d", "\u0000"]);
    this.#roster.subscriptionJoined(topic, (prefix) => void this.#granted.push(prefix));
    const { sessions, plain } = this.#roster.population;
    must(sessions <= config.limits.maxSessions, () => `${sessions} sessions`);
    must(plain <= config.limits.maxPlainSlots, () => `${plain} slots`);
  }

  #leave(): void {
    const [prefix] = this.#granted.splice(this.#random.below(this.#granted.length), 1);
    this.#roster.subscriptionLeft(prefix!);
  }

  /** Awake: tick by tick. */
  #pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += config.tickMs) {
      this.#now += config.tickMs;
      this.#roster.tick(this.#now);
      this.#settle();
    }
  }

  /** The process stands still. */
  #stand(ms: number): void {
    this.#now += ms;
    this.#roster.tick(this.#now);
  }

  #dispatch(): void {
    const workers = [...this.#engine.joined.values()];
    if (workers.length === 0) return;
    const worker = pick(this.#random, workers);
    const batchId = `${worker.batchPrefix}${++this.#batches}`;
    const batch = buildBatch(batchId, between(this.#random, 1, 3));
    for (const { leaseId } of batch.steps) this.#words.addLease(leaseId);
    this.#roster.dispatch(worker.key, batch);
  }

  #order(): void {
    const random = this.#random;
    const keys = [...this.#engine.joined.keys(), "w9-00000000"];
    const key = pick(random, keys);
    const leases = [this.#words.lease(), this.#words.lease()];
    switch (random.below(5)) {
      case 0:
        this.#roster.cancel(key, leases, "x".repeat(random.below(2_000)));
        return;
      case 1:
        this.#roster.drain(key, "operator");
        return;
      case 2:
        this.#roster.acknowledgeTimeouts(key, leases);
        return;
      default:
        this.#roster.acknowledge(key, leases);
    }
  }

  #send(frame: Frame, refused: () => void): void {
    if (this.#full) this.#refusals.push(refused);
    // What leaves is legal, whatever came in.
    if (!chance(this.#random, 0.1)) return;
    const bytes = Buffer.from(frame as string);
    try {
      decodeOrchestratorMessage(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      must(false, () => `sent on ${topicOf(bytes)} what no worker can read: ${error.message}`);
    }
  }

  #settle(): void {
    while (this.#flushes.length + this.#refusals.length > 0) {
      for (const refused of this.#refusals.splice(0)) refused();
      for (const flush of this.#flushes.splice(0)) flush();
    }
  }

  /** The first one is the epoch that the vocabulary knows. */
  #token(): string {
    return (++this.#tokens).toString(16).padStart(16, "0");
  }
}

/** Believes what it is told, as long as it makes sense. */
class ModelEngine implements WorkerEvents {
  readonly joined = new Map<string, WorkerInfo>();

  workerJoined(worker: WorkerInfo): void {
    must(worker.capacity >= 0 && worker.capacity <= 10_000, () => `${worker.key} has ${worker.capacity} slots`);
    this.joined.set(worker.key, worker);
  }

  workerChanged(key: string): void {
    this.#mustBeHere(key, "changes its terms");
  }

  workerLost(key: string): void {
    this.#mustBeHere(key, "is lost");
    this.joined.delete(key);
  }

  resultsArrived(key: string | null, results: readonly StepResult[]): void {
    if (key !== null && !key.startsWith("p")) this.#mustBeHere(key, "has results");
    for (const { stepId, leaseId } of results) {
      must(Number.isSafeInteger(stepId) && stepId > 0, () => `a result of step ${stepId}`);
      must(
        leaseId.length > 0 && leaseId.length <= 255 + 17,
        () => `a result under a lease of ${leaseId.length} characters`,
      );
    }
  }

  leasesRejected(key: string): void {
    this.#mustBeHere(key, "rejects leases");
  }

  leasesMissing(key: string): void {
    this.#mustBeHere(key, "misses leases");
  }

  progressed(key: string): void {
    this.#mustBeHere(key, "reports progress");
  }

  checkpointsArrived(key: string, checkpoints: readonly SavedCheckpoint[]): void {
    this.#mustBeHere(key, "saves checkpoints");
    for (const { seq } of checkpoints) must(Number.isSafeInteger(seq) && seq > 0, () => `a checkpoint numbered ${seq}`);
  }

  #mustBeHere(key: string, what: string): void {
    must(this.joined.has(key), () => `${key} ${what}, and never joined`);
  }
}

function buildBatch(batchId: string, stepCount: number): Batch {
  const steps = Array.from({ length: stepCount }, (_, index) => ({
    stepId: index + 1,
    taskId: 1,
    stepName: "work",
    handler: "work",
    staticJson: '"step_name":"work","handler_class":"work","handler_config":{}',
    context: '{"id":9007199254740993}',
    previousResults: "{}",
    leaseId: `${batchId}.${index + 1}`,
    attempt: 1,
    retryLimit: 3,
    timeoutMs: 30_000,
    idempotencyKey: "t1:work",
    taskUuid: "0190f3c2-7b3a-7c11-8a2e-000000000001",
    checkpoint: null,
  }));
  return { batchId, steps };
}
