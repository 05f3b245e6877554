/**
 * One session against an orchestrator and a network that a seed makes: frames are lost, doubled, delayed and reordered,
 * the orchestrator restarts, the worker stands still. Afterwards the faults stop, and everything must come to its end.
 */
import {
  type ControlMessage,
  decodeResults,
  decodeWorkerMessage,
  encodeBatch,
  encodeControl,
  staticStepJson,
  topicOf,
} from "@tasker/protocol";
import { SeededRandom } from "@tasker/testkit";
import { expect, test } from "vitest";
import { filterLog, jsonLinesLogger } from "../log.ts";
import { Session } from "./session.ts";

const seeds = 60;
const faultyMs = 40_000;
const settledMs = 60_000;
const limits = {
  max_message_bytes: 1 << 24,
  max_output_bytes: 1 << 22,
  max_steps_per_batch: 10,
  max_checkpoint_bytes: 65_536,
};

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

class World {
  readonly random: SeededRandom;
  now = 0;
  #queue: Scheduled[] = [];
  #order = 0;
  faulty = true;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  after(ms: number, run: () => void): void {
    this.#queue.push({ at: this.now + ms, order: ++this.#order, run });
  }

  /** Delivers a frame as a bad network does. */
  carry(deliver: () => void): void {
    const chance = this.faulty ? this.random.uniform() : 1;
    if (chance < 0.15) return;
    this.after(this.#delay(), deliver);
    if (chance < 0.3) this.after(this.#delay() * 10, deliver);
  }

  #delay(): number {
    return this.faulty ? this.random.uniform() * 200 : 1;
  }

  runUntil(end: number): void {
    for (;;) {
      let next: Scheduled | undefined;
      for (const one of this.#queue) {
        if (next === undefined || one.at < next.at || (one.at === next.at && one.order < next.order)) next = one;
      }
      if (next === undefined || next.at > end) break;
      this.#queue.splice(this.#queue.indexOf(next), 1);
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
  }
}

/** Sends each step once, keeps what it was answered, acknowledges everything, and asks whoever it does not know. */
class ModelOrchestrator {
  readonly sent = new Set<string>();
  readonly answered = new Map<string, string[]>();
  readonly #world: World;
  readonly #deliver: (session: string, frame: string) => void;
  #epoch = 1;
  #known = new Map<string, number>();
  #steps = 0;

  constructor(world: World, deliver: (session: string, frame: string) => void) {
    this.#world = world;
    this.#deliver = deliver;
  }

  restart(): void {
    this.#epoch++;
    this.#known = new Map();
  }

  say(session: string, said: object): void {
    const message = { protocol_version: "2.0", orchestrator_id: "o1", epoch: `e${this.#epoch}`, ...said };
    this.#deliver(session, encodeControl(session, message as ControlMessage));
  }

  ping(): void {
    for (const session of this.#known.keys()) this.say(session, { type: "ping" });
  }

  sendBatch(): void {
    const [latest] = [...this.#known].slice(-1);
    if (latest === undefined) return;
    const [session, seq] = latest;
    this.#known.set(session, seq + 1);
    const batchId = `batch_${this.#epoch}_${this.#steps}`;
    const steps = Array.from({ length: 1 + this.#world.random.below(3) }, () => ({
      stepId: ++this.#steps,
      taskId: 1,
      staticJson: staticStepJson("s", "work", "{}"),
      context: "{}",
      previousResults: "{}",
      leaseId: `${batchId}.${this.#steps}`,
      attempt: 1,
      retryLimit: 0,
      timeoutMs: 1_000,
      idempotencyKey: "k",
      taskUuid: "u",
    }));
    for (const step of steps) this.sent.add(step.leaseId);
    this.#deliver(session, encodeBatch({ batchId, steps }, session, seq + 1));
  }

  hear(frame: Buffer): void {
    if (topicOf(frame) === "results") {
      const { session, results } = decodeResults(frame);
      const leases = results.map((item) => item.metadata.lease_id!);
      for (const [index, lease] of leases.entries()) {
        const outputs = this.answered.get(lease) ?? [];
        this.answered.set(lease, outputs);
        if (!outputs.includes(results[index]!.output)) outputs.push(results[index]!.output);
      }
      this.say(session!, { type: "result_ack", lease_ids: leases });
      return;
    }
    const message = decodeWorkerMessage(frame);
    if (message.type === "hello") {
      if (!this.#known.has(message.session)) this.#known.set(message.session, 0);
      this.say(message.session, { type: "welcome", version: "2.0", codec: "json", heartbeat_ms: 1_000, limits });
    } else if (message.type === "heartbeat") {
      if (!this.#known.has(message.session) || message.epoch !== `e${this.#epoch}`) {
        this.say(message.session, { type: "rehello", reason: "unknown_session" });
      }
    }
  }
}

function simulate(seed: number): void {
  const world = new World(seed);
  const ran: string[] = [];
  let topic = "";
  const model = new ModelOrchestrator(world, (to, frame) => {
    world.carry(() => {
      if (to === topic) session.receive(Buffer.from(frame));
    });
  });
  let closed = false;
  const session = new Session(
    { workerId: "w1", pool: "default", version: "", handlers: ["work"], capacity: 100, codec: "json" },
    {
      clock: { monotonicMs: () => world.now },
      random: world.random,
      log: filterLog(jsonLinesLogger(), "silent"),
      wire: {
        open: (name) => {
          topic = name;
        },
        send: (frame) => world.carry(() => model.hear(Buffer.from(frame))),
        close: () => {
          topic = "";
        },
      },
      events: {
        run(steps) {
          for (const { leaseId } of steps) {
            ran.push(leaseId);
            world.after(world.random.uniform() ** 4 * 3_000, () => session.finish([outcomeOf(leaseId)]));
          }
        },
        cancel() {},
        drainRequested() {},
        refused: (reason) => expect.fail(`refused: ${reason}`),
        checkpointSettled: () => {},
        closed: () => {
          closed = true;
        },
      },
    },
  );
  session.start();
  let standsStillUntil = 0;
  const tick = () => {
    if (world.now >= standsStillUntil) session.tick();
    if (!closed) world.after(20, tick);
  };
  const orchestrate = () => {
    model.ping();
    if (!world.faulty) return void world.after(500, orchestrate);
    if (world.random.uniform() < 0.7) model.sendBatch();
    if (world.random.uniform() < 0.05) model.restart();
    if (world.random.uniform() < 0.03) standsStillUntil = world.now + world.random.uniform() * 10_000;
    world.after(500, orchestrate);
  };
  tick();
  orchestrate();
  world.runUntil(faultyMs);
  world.faulty = false;
  world.runUntil(faultyMs + settledMs / 2);
  expect(session.state).toBe("ready");
  session.leave(10_000);
  world.runUntil(faultyMs + settledMs);

  expect(closed).toBe(true);
  expect(ran.length).toBeGreaterThan(0);
  expect(new Set(ran).size).toBe(ran.length);
  expect([...model.answered.keys()].sort()).toEqual([...ran].sort());
  for (const [lease, outputs] of model.answered) expect(outputs).toEqual([`"${lease}"`]);
}

function outcomeOf(leaseId: string) {
  return {
    origin: 0,
    leaseId,
    status: "completed",
    output: `"${leaseId}"`,
    error: "null",
    errorCode: null,
    retryable: null,
    retryAfterMs: null,
    executionTimeMs: 1,
    handlerVersion: null,
  } as const;
}

test(`runs every step at most once and delivers every result, whatever the network does (${seeds} seeds)`, () => {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      simulate(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
});
