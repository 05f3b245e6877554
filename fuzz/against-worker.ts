/**
 * The worker's session under test: the real one, told hostile frames by whoever can reach its socket, with handlers that
 * end in any order or never, under a clock that jumps.
 */
import { codecs, decodeResults, decodeWorkerMessage, type Frame, ProtocolError, topicOf } from "@tasker/protocol";
import type { SeededRandom } from "@tasker/testkit";
import { type Outcome, Session, type StepRequest } from "@tasker/worker/session";
import type { Frames } from "./frames.ts";
import { between, chance, pick } from "./random.ts";
import { must } from "./violation.ts";
import type { Vocabulary } from "./vocabulary.ts";

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export class WorkerTarget {
  readonly #random: SeededRandom;
  readonly #words: Vocabulary;
  readonly #frames: Frames;
  readonly #running = new Map<string, StepRequest>();
  #session: Session;
  #now = 5_000;
  #checkpoints = 0;

  constructor(random: SeededRandom, words: Vocabulary, frames: Frames) {
    this.#random = random;
    this.#words = words;
    this.#frames = frames;
    this.#session = this.#begin();
  }

  /** One frame from an orchestrator, after whatever else happens around it. */
  step(): Buffer {
    this.#disturb();
    const frame = this.#frames.next(() => this.#frames.grammar.fromOrchestrator(this.#session.name));
    this.#session.receive(frame);
    if (this.#session.state === "closed") this.#session = this.#begin();
    return frame;
  }

  /** It leaves: it says so, and ends. @throws Violation */
  end(): void {
    this.#session.leave(1_000);
    this.#pass(2_000);
    must(this.#session.state === "closed", () => `asked to leave, it is ${this.#session.state}`);
  }

  #begin(): Session {
    this.#running.clear();
    const { workers, handlers } = this.#words;
    const terms = {
      workerId: workers[0]!,
      pool: "default",
      version: "1",
      handlers: handlers.slice(0, 3),
      capacity: 4,
      codec: pick(this.#random, codecs),
    };
    const session = new Session(terms, {
      wire: { open: () => {}, send: (frame) => this.#judgeSent(frame), close: () => {} },
      clock: { monotonicMs: () => this.#now },
      random: { uniform: () => this.#random.uniform(), token: () => this.#token() },
      events: {
        run: (steps) => this.#run(steps),
        cancel: () => {},
        checkpointSettled: () => {},
        drainRequested: () => {},
        refused: () => {},
        closed: () => {},
      },
      log: silent,
    });
    session.start();
    return session;
  }

  #run(steps: readonly StepRequest[]): void {
    for (const step of steps) {
      must(!this.#running.has(step.leaseId), () => `lease ${step.leaseId} runs twice`);
      this.#running.set(step.leaseId, step);
      this.#words.addLease(step.leaseId);
    }
  }

  #disturb(): void {
    const random = this.#random;
    switch (random.below(12)) {
      case 0:
        this.#pass(pick(random, [10, 250, 1_000, 4_100]));
        break;
      case 1:
        if (chance(random, 0.1)) this.#now += 3_600_000;
        this.#tick();
        break;
      case 2:
      case 3:
        this.#finish();
        break;
      case 4:
        this.#session.progress(this.#words.lease(), '{"done":1}');
        this.#session.checkpoint(this.#words.lease(), ++this.#checkpoints, '{"row":1}');
        break;
      case 5:
        if (chance(random, 0.1)) this.#session.overdue(random.below(6));
        break;
      case 6:
        if (chance(random, 0.05)) this.#session.drain();
        break;
      case 7:
        if (chance(random, 0.3)) this.#giveBack();
        break;
    }
  }

  #finish(): void {
    const leases = [...this.#running.keys(), this.#words.lease()].slice(0, between(this.#random, 1, 4));
    for (const lease of leases) this.#running.delete(lease);
    this.#session.finish(leases.map((leaseId) => this.#outcome(leaseId)));
  }

  #outcome(leaseId: string): Outcome {
    const failed = chance(this.#random, 0.3);
    const errorCode = failed ? pick(this.#random, ["timeout", "cancelled", "declined"]) : null;
    return {
      origin: 0,
      leaseId,
      executionTimeMs: 1,
      handlerVersion: null,
      status: failed ? "failed" : "completed",
      output: failed ? "null" : '{"total":9007199254740993}',
      error: failed ? '{"message":"no"}' : "null",
      errorCode,
      retryable: null,
      retryAfterMs: null,
    };
  }

  #giveBack(): void {
    const [lease] = this.#running.keys();
    if (lease === undefined) return;
    this.#running.delete(lease);
    this.#session.giveBack([lease]);
  }

  #pass(ms: number): void {
    const end = this.#now + ms;
    while (this.#now < end && this.#session.state !== "closed") {
      this.#now = Math.min(end, Math.max(this.#now + 1, this.#session.wakesAt));
      this.#tick();
    }
    this.#now = end;
  }

  /** A tick leaves nothing due: else whoever drives the session would never rest. */
  #tick(): void {
    this.#session.tick();
    if (this.#session.state === "closed") return;
    const { wakesAt } = this.#session;
    must(wakesAt > this.#now, () => `at ${this.#now} a tick leaves something due at ${wakesAt}`);
  }

  #judgeSent(frame: Frame): void {
    if (!chance(this.#random, 0.2)) return;
    const bytes = Buffer.from(frame as string);
    try {
      if (topicOf(bytes) === "results") decodeResults(bytes);
      else decodeWorkerMessage(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      must(false, () => `sent what no orchestrator can read: ${error.message}`);
    }
  }

  #token(): string {
    return between(this.#random, 0, 0xffffffff).toString(16).padStart(8, "0");
  }
}
