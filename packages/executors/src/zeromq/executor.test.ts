/** The executor as the server uses it, with real sockets and workers that are scripts or processes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type ControlMessage,
  type DecodedBatch,
  decodeOrchestratorMessage,
  encodeResults,
  encodeWorkerMessage,
} from "@tasker/protocol";
import { afterAll, afterEach, expect, test } from "vitest";
import { defaultZeromqConfig, startZeromqExecutor, type ZeromqConfig, type ZeromqExecutor } from "../index.ts";
import {
  Arrivals,
  arrivalsOf,
  realClock,
  realRandom,
  ScriptedWorker,
  silentLog,
  startPeer,
  temporaryFolder,
} from "./testing/peers.ts";
import {
  buildBatch,
  buildHeartbeat,
  buildHello,
  completedItem,
  type Event,
  RecordedEvents,
} from "./testing/recorded-roster.ts";

const folder = temporaryFolder();
const closers: (() => void)[] = [];
afterAll(() => folder.dispose());
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

interface Started {
  readonly executor: ZeromqExecutor;
  readonly events: Arrivals<Event>;
}

async function start(config: Pick<ZeromqConfig, "steps" | "results"> & Partial<ZeromqConfig>): Promise<Started> {
  const recorded = new RecordedEvents();
  const events = arrivalsOf(recorded);
  const executor = await startZeromqExecutor({ ...defaultZeromqConfig, ...config }, recorded, {
    clock: realClock,
    log: silentLog,
    random: realRandom,
    orchestratorId: "o1",
  });
  closers.push(() => executor.stop({ drainMs: 0 }));
  return { executor, events };
}

/** A 2.0 worker that says hello when it is asked, and keeps what it hears. */
class HonestWorker {
  readonly heard = new Arrivals<ControlMessage | DecodedBatch>();
  readonly session: string;
  readonly #sockets: ScriptedWorker;
  #closed = false;

  constructor(executor: ZeromqExecutor, session: string) {
    this.session = session;
    this.#sockets = new ScriptedWorker(executor.endpoints.steps[0]!, executor.endpoints.results[0]!, `@${session} `);
    closers.push(() => {
      this.#closed = true;
      this.#sockets.close();
    });
    this.#sockets.frames.push = (frame) => {
      const message = decodeOrchestratorMessage(Buffer.from(frame));
      if (message.type === "rehello") this.hello();
      this.heard.push(message);
    };
  }

  /** Said again as long as nobody answers: the first may be lost while the sockets connect. */
  hello(): void {
    if (this.#closed) return;
    this.#sockets.send(encodeWorkerMessage(buildHello(this.session)));
    const timer = setTimeout(() => this.hello(), 50);
    void this.hears("welcome").then(() => clearTimeout(timer));
  }

  heartbeat(epoch: string): void {
    this.#sockets.send(encodeWorkerMessage(buildHeartbeat(this.session, epoch)));
  }

  answer(batch: DecodedBatch): void {
    const results = batch.steps.map(({ step_id, metadata }) =>
      completedItem({ stepId: step_id, leaseId: metadata.lease_id! }),
    );
    this.#sockets.send(
      encodeResults({ batch_id: batch.batch_id, protocol_version: "2.0", session: this.session, results }),
    );
  }

  async hears<T extends ControlMessage["type"] | "batch">(
    type: T,
    count = 1,
  ): Promise<Extract<ControlMessage | DecodedBatch, { type?: T }>> {
    const matching = () => this.heard.all.filter((message) => message.type === type);
    await this.heard.until(() => matching().length >= count, `${count} ${type}`);
    return matching()[count - 1] as Extract<ControlMessage | DecodedBatch, { type?: T }>;
  }

  close(): void {
    this.#sockets.close();
  }
}

function ipc(name: string): Pick<ZeromqConfig, "steps" | "results"> {
  return {
    steps: [`ipc://${join(folder.path, `${name}-steps`)}`],
    results: [`ipc://${join(folder.path, `${name}-results`)}`],
  };
}

test.each([
  ["ipc", ipc("whole")],
  ["tcp", { steps: ["tcp://127.0.0.1:*"], results: ["tcp://127.0.0.1:*"] }],
  ["inproc", { steps: ["inproc://steps"], results: ["inproc://results"] }],
])("over %s a worker joins, gets a batch, answers it and is acknowledged", async (_, endpoints) => {
  const { executor, events } = await start(endpoints);
  const worker = new HonestWorker(executor, "w1-00000001");
  await events.count(1, "event");
  expect(events.all[0]).toMatchObject({ event: "joined", key: "w1-00000001", info: { workerId: "w1" } });
  await worker.hears("welcome");

  executor.dispatch("w1-00000001", buildBatch("b1", 10));
  const batch = await worker.hears("batch");
  expect(batch.steps).toHaveLength(10);
  expect(batch.steps[0]!.task_context).toBe('{"id":9007199254740993}');
  worker.answer(batch);
  await events.count(2, "events");
  const answer = events.all[1]!;
  expect(answer).toMatchObject({ event: "results", key: "w1-00000001" });
  const leases = buildBatch("b1", 10).steps.map((step) => step.leaseId);
  expect(answer.event === "results" && answer.results.map((result) => result.leaseId)).toEqual(leases);
  for (const lease of leases) executor.acknowledge("w1-00000001", [lease]);
  expect((await worker.hears("result_ack")).lease_ids).toEqual(leases);
  expect(executor.population).toEqual({ sessions: 1, joined: 1, plain: 0 });
  expect(executor.counters).toMatchObject({ batchesOut: 1, resultsIn: 10, sessionsJoined: 1, badFrames: {} });
});

test("fault 11: a worker process that is killed is closed at once and lost within seconds", async () => {
  const { executor, events } = await start({ steps: ["tcp://127.0.0.1:*"], results: ["tcp://127.0.0.1:*"] });
  const [steps, results] = [executor.endpoints.steps[0]!, executor.endpoints.results[0]!];
  const process = startPeer(steps, results, "@w1-00000001 ");
  closers.push(() => process.kill());
  await process.frames.count(1, "rehello");
  // Its hello comes from here: what counts is whose subscription goes.
  const voice = new ScriptedWorker(steps, results);
  closers.push(() => voice.close());
  const speak = setInterval(() => voice.send(encodeWorkerMessage(buildHello("w1-00000001"))), 20);
  await events.count(1, "join");
  clearInterval(speak);
  process.kill();
  await events.until((all) => all.some((event) => event.event === "changed"), "its end");
  expect(events.all.at(-1)).toEqual({ event: "changed", key: "w1-00000001", draining: true });
  await events.until((all) => all.some((event) => event.event === "lost"), "its loss");
  expect(events.all.at(-1)).toEqual({ event: "lost", key: "w1-00000001", reason: "disconnected" });
});

test("plain 1.0 processes compete: each of 9 batches runs once, and killing one takes only its slot", async () => {
  const { executor, events } = await start(ipc("plain"));
  const peers = [1, 2, 3].map(() =>
    startPeer(executor.endpoints.steps[0]!, executor.endpoints.results[0]!, "--answer", "steps"),
  );
  closers.push(...peers.map((peer) => () => peer.kill()));
  await events.count(3, "joins");
  const slots = events.all.map((event) => event.key!);
  for (let n = 0; n < 9; n++) executor.dispatch(slots[n % 3]!, buildBatch(`${slots[n % 3]}_${n}`, 2));
  const answers = () => events.all.filter((event) => event.event === "results");
  await events.until(() => answers().length === 9, "9 results");
  const leases = answers().flatMap((event) => event.results.map((result) => result.leaseId));
  expect(new Set(leases).size).toBe(18);
  expect(answers().map((event) => event.key)).toEqual(expect.arrayContaining(slots));

  peers[1]!.kill();
  await events.until((all) => all.at(-1)!.event === "lost", "the loss");
  const slot = /"(p[0-9a-f]+)_/.exec(peers[1]!.frames.all[0]!)![1];
  expect(events.all.at(-1)).toMatchObject({ event: "lost", key: slot });
  expect(executor.population.plain).toBe(2);
});

test("after a restart on the same endpoints the worker is asked, and joins under the new epoch", async () => {
  const endpoints = ipc("restart");
  const first = await start(endpoints);
  const worker = new HonestWorker(first.executor, "w1-00000001");
  const { epoch } = await worker.hears("welcome");
  first.executor.stop({ drainMs: 0 });
  const second = await start(endpoints);
  await second.events.count(1, "join");
  const again = await worker.hears("welcome", 2);
  expect(again.epoch).not.toBe(epoch);
  worker.heartbeat(epoch);
  await worker.heard.until(
    (all) => all.some((message) => message.type === "rehello" && message.reason === "other_epoch"),
    "rehello",
  );
  expect(second.events.all).toMatchObject([{ event: "joined", key: "w1-00000001" }]);
});

test("after a restart a session's batches have a seq that it has not seen, even before its first heartbeat", async () => {
  const endpoints = ipc("seq");
  const first = await start(endpoints);
  const worker = new HonestWorker(first.executor, "w1-00000001");
  await first.events.count(1, "join");
  for (const batch of ["b1", "b2"]) first.executor.dispatch(worker.session, buildBatch(batch));
  const before = await worker.hears("batch", 2);
  first.executor.stop({ drainMs: 0 });
  const second = await start(endpoints);
  await second.events.count(1, "join");
  second.executor.dispatch(worker.session, buildBatch("b3"));
  const after = await worker.hears("batch", 3);
  expect(after.seq).toBeGreaterThan(before.seq!);
});

test("fault 10: a second process is refused the endpoints, and the first goes on", async () => {
  const endpoints = ipc("taken");
  const { executor, events } = await start(endpoints);
  await expect(start(endpoints)).rejects.toMatchObject({
    code: "endpoint_unusable",
    message: expect.stringContaining(`orchestrator o1, process ${process.pid}`),
  });
  new HonestWorker(executor, "w1-00000001");
  await events.count(1, "join");
});

test("an address that strangers reach is refused before anything is bound", async () => {
  const steps = ["tcp://*:5555"];
  await expect(start({ steps, results: ["inproc://x"] })).rejects.toMatchObject({ code: "endpoint_unusable" });
});

test("the results of a burst reach the engine before a turn that the first of them asks for", async () => {
  const { executor, events } = await start({ steps: ["inproc://burst-steps"], results: ["inproc://burst-results"] });
  const worker = new HonestWorker(executor, "w1-00000001");
  await worker.hears("welcome");
  for (let n = 0; n < 20; n++) executor.dispatch("w1-00000001", buildBatch(`b${n}`));
  const batches = await worker.hears("batch", 20).then(() => worker.heard.all.filter((m) => m.type === "batch"));
  for (const batch of batches) worker.answer(batch as DecodedBatch);
  let whenTurnRan = 0;
  const push = events.push.bind(events);
  events.push = (event) => {
    if (event.event === "results" && whenTurnRan === 0) {
      whenTurnRan = -1;
      setImmediate(() => {
        whenTurnRan = events.all.length;
      });
    }
    push(event);
  };
  await events.count(21, "events");
  await new Promise((resolve) => setImmediate(resolve));
  expect(whenTurnRan).toBe(21);
});

test("a process that stops with messages queued for a stalled worker ends by itself", async () => {
  const script = fileURLToPath(new URL("./testing/stop-process.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
});
