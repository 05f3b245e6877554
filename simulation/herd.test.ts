/** Everybody at once: 500 real sessions of workers against one orchestrator that has just restarted, in time that the test moves. */
import type { StepResult, WorkerEvents, WorkerInfo } from "@tasker/engine";
import { defaultZeromqConfig, Roster, ZeromqCounters } from "@tasker/executors";
import { RecordingLog, SeededRandom } from "@tasker/testkit";
import { Session } from "@tasker/worker/session";
import { expect, test } from "vitest";

const herd = 500;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** What the engine is told. */
class Engine implements WorkerEvents {
  readonly joined = new Map<string, WorkerInfo>();
  readonly lost: string[] = [];
  readonly results: StepResult[] = [];

  workerJoined(worker: WorkerInfo): void {
    this.joined.set(worker.key, worker);
  }
  workerLost(key: string): void {
    this.joined.delete(key);
    this.lost.push(key);
  }
  resultsArrived(_key: string | null, results: readonly StepResult[]): void {
    this.results.push(...results);
  }
  workerChanged(): void {}
  leasesRejected(): void {}
  leasesMissing(): void {}
  progressed(): void {}
  checkpointsArrived(): void {}
}

interface Connection {
  readonly session: Session;
  /** Where it is subscribed; null: nowhere. */
  topic: string | null;
}

/** The network between them loses nothing, and delivers in the next millisecond. */
class World {
  readonly workers: Connection[] = [];
  engine = new Engine();
  now = 10_000;
  /** Frames from the orchestrator to each worker, by its place. */
  readonly heard: number[] = [];
  /** Frames that arrived in each millisecond. */
  readonly arrivals = new Map<number, number>();
  #roster: Roster | null = null;
  #late: (() => void)[] = [];
  #epochs = 0;

  /** A new incarnation: it knows nobody, and everybody's connection is made again at this moment. */
  startOrchestrator(): void {
    this.engine = new Engine();
    const random = new SeededRandom(++this.#epochs);
    this.#roster = new Roster({
      config: { ...defaultZeromqConfig, steps: ["herd"], results: ["herd"] },
      events: this.engine,
      wire: { send: (frame) => this.#toWorkers(Buffer.from(frame)) },
      log: new RecordingLog(),
      random,
      orchestratorId: "o1",
      counters: new ZeromqCounters(),
      flushSoon: (flush) => void this.#late.push(flush),
    });
    this.#roster.tick(this.now);
    for (const worker of this.workers) this.#subscribe(worker);
  }

  stopOrchestrator(): void {
    this.#roster = null;
    this.#late = [];
  }

  addWorker(): void {
    const place = this.workers.length;
    const random = new SeededRandom(1_000 + place);
    const terms = {
      workerId: `w${place}`,
      pool: "default",
      version: "1",
      handlers: ["work"],
      capacity: 10,
      codec: "json" as const,
    };
    const connection: Connection = {
      topic: null,
      session: new Session(terms, {
        wire: {
          open: (session) => {
            connection.topic = `@${session} `;
            this.#subscribe(connection);
          },
          send: (frame) => this.#toOrchestrator(Buffer.from(frame)),
          close: () => {},
        },
        clock: { monotonicMs: () => this.now },
        random,
        events: {
          run: () => {},
          cancel: () => {},
          checkpointSettled: () => {},
          drainRequested: () => {},
          refused: () => {},
          closed: () => {},
        },
        log: silent,
      }),
    };
    this.workers.push(connection);
    this.heard.push(0);
    connection.session.start();
  }

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed++) {
      this.now++;
      for (const deliver of this.#late.splice(0)) deliver();
      for (const { session } of this.workers) if (session.wakesAt <= this.now) session.tick();
      if (this.now % defaultZeromqConfig.tickMs === 0) this.#roster?.tick(this.now);
    }
  }

  #subscribe(connection: Connection): void {
    const roster = this.#roster;
    const { topic } = connection;
    this.#late.push(() => {
      if (topic === connection.topic) roster?.subscriptionJoined(topic!, () => {});
    });
  }

  #toOrchestrator(frame: Buffer): void {
    const roster = this.#roster;
    if (roster === null) return;
    this.#late.push(() => {
      this.arrivals.set(this.now, (this.arrivals.get(this.now) ?? 0) + 1);
      if (roster === this.#roster) roster.frameArrived(frame);
    });
  }

  #toWorkers(frame: Buffer): void {
    const to = frame.subarray(0, frame.indexOf(" ") + 1).toString();
    const place = this.workers.findIndex(({ topic }) => topic === to);
    if (place < 0) return;
    this.#late.push(() => {
      this.heard[place]!++;
      this.workers[place]!.session.receive(frame);
    });
  }
}

test("fault 36: 500 workers that find their orchestrator again at the same moment are all there within a second", {
  timeout: 120_000,
}, () => {
  const world = new World();
  world.startOrchestrator();
  for (let count = 0; count < herd; count++) world.addWorker();
  world.pass(2_000);
  expect(world.engine.joined.size).toBe(herd);

  world.stopOrchestrator();
  world.pass(1_500);
  world.heard.fill(0);
  world.startOrchestrator();
  world.pass(1_000);
  expect(world.engine.joined.size).toBe(herd);
  expect(world.engine.lost).toEqual([]);
  // Asked, welcomed, and a ping or two: nobody asks again and again.
  expect(Math.max(...world.heard)).toBeLessThanOrEqual(6);
});

test("fault 36: 500 workers whose orchestrator was away for a minute come back, and their hellos are spread", {
  timeout: 120_000,
}, () => {
  const world = new World();
  world.startOrchestrator();
  for (let count = 0; count < herd; count++) world.addWorker();
  world.pass(2_000);
  world.stopOrchestrator();
  world.pass(60_000);
  world.startOrchestrator();
  world.arrivals.clear();
  world.pass(6_000);
  expect(world.engine.joined.size).toBe(herd);
  expect(world.workers.every(({ session }) => session.state === "ready")).toBe(true);
  // No millisecond has more than everybody's answer to one question.
  expect(Math.max(...world.arrivals.values())).toBeLessThanOrEqual(herd);
});
