import type { Codec, ControlMessage, DecodedResults, WorkerMessage } from "@tasker/protocol";
import {
  decodeResults,
  decodeWorkerMessage,
  encodeBatch,
  encodeControl,
  type Frame,
  staticStepJson,
  topicOf,
} from "@tasker/protocol";
import { SeededRandom } from "@tasker/testkit";
import { beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../handler/outcome.ts";
import { filterLog, jsonLinesLogger } from "../log.ts";
import type { StepRequest } from "./ports.ts";
import { Session } from "./session.ts";

type Said = WorkerMessage | ({ type: "results" } & DecodedResults);
type Control = ControlMessage extends infer M
  ? M extends ControlMessage
    ? Omit<M, "protocol_version" | "orchestrator_id">
    : never
  : never;

const limits = {
  max_message_bytes: 1 << 24,
  max_output_bytes: 1 << 22,
  max_steps_per_batch: 10,
  max_checkpoint_bytes: 65_536,
};
let now: number;
let session: Session;
let opened: string[];
let closedWith: number | null;
let said: Said[];
let ran: StepRequest[];
let events: string[];

beforeEach(() => {
  now = 1_000;
  opened = [];
  closedWith = null;
  said = [];
  ran = [];
  events = [];
  const random = new SeededRandom(1);
  session = new Session(
    { workerId: "w1", pool: "default", version: "1", handlers: ["work"], capacity: 2, codec: "json" },
    {
      clock: { monotonicMs: () => now },
      random,
      log: filterLog(jsonLinesLogger(), "silent"),
      wire: {
        open: (name) => opened.push(name),
        send: (frame) => said.push(decode(frame)),
        close: (lingerMs) => {
          closedWith = lingerMs;
        },
      },
      events: {
        run: (steps) => ran.push(...steps),
        cancel: (leaseIds, reason) => events.push(`cancel ${leaseIds.join()} ${reason}`),
        drainRequested: (reason) => events.push(`drain ${reason}`),
        refused: (reason, detail) => events.push(`refused ${reason} ${detail}`),
        checkpointSettled: (leaseId, seq, refused) => events.push(`settled ${leaseId} ${seq} ${refused ?? "kept"}`),
        closed: () => events.push("closed"),
      },
    },
  );
});

function decode(frame: Frame): Said {
  const bytes = Buffer.from(frame as string);
  if (topicOf(bytes) === "results") return { type: "results", ...decodeResults(bytes) };
  return decodeWorkerMessage(bytes);
}

function hear(message: Control): void {
  const whole = { protocol_version: "2.0", orchestrator_id: "o1", ...message } as ControlMessage;
  session.receive(Buffer.from(encodeControl(session.name, whole)));
}

function welcome(epoch = "e1"): void {
  hear({ type: "welcome", epoch, version: "2.0", codec: "json", heartbeat_ms: 1_000, limits });
}

let batches = 0;
/** @returns the leases */
function hearBatch(
  count: number,
  { seq = 1, handler = "work", batchId = `batch_${++batches}`, codec = "json" as Codec } = {},
): string[] {
  const steps = Array.from({ length: count }, (_, index) => ({
    stepId: index + 1,
    taskId: 1,
    staticJson: staticStepJson("s", handler, "{}"),
    context: "{}",
    previousResults: "{}",
    leaseId: `${batchId}.${index + 1}`,
    attempt: 1,
    retryLimit: 0,
    timeoutMs: 1_000,
    idempotencyKey: "k",
    taskUuid: "u",
  }));
  session.receive(Buffer.from(encodeBatch({ batchId, steps }, session.name, seq, codec) as string));
  return steps.map((step) => step.leaseId);
}

function outcome(leaseId: string, change: Partial<Outcome> = {}): Outcome {
  return {
    origin: 0,
    leaseId,
    status: "completed",
    output: "1",
    error: "null",
    errorCode: null,
    retryable: null,
    retryAfterMs: null,
    executionTimeMs: 3,
    handlerVersion: null,
    ...change,
  };
}

const timeout: Partial<Outcome> = {
  status: "failed",
  output: "null",
  error: '{"message":"m","code":"timeout"}',
  errorCode: "timeout",
};

/** Moves time on, ticking whenever the session wants to. @returns what it said meanwhile */
function advance(ms: number): Said[] {
  const from = said.length;
  const end = now + ms;
  while (session.wakesAt <= end) {
    now = Math.max(now, session.wakesAt);
    session.tick();
  }
  now = end;
  session.tick();
  return said.slice(from);
}

function ready(): void {
  session.start();
  advance(10);
  welcome();
  said.length = 0;
}

const typesOf = (messages: readonly Said[]) => messages.map((message) => message.type);
const resultsIn = (messages: readonly Said[]) =>
  messages.flatMap((message) => (message.type === "results" ? message.results : []));

describe("saying hello", () => {
  test("a moment after connecting, then again and again, ever more rarely", () => {
    session.start();
    expect(session.state).toBe("connecting");
    expect(opened).toEqual([session.name]);
    expect(session.name).toMatch(/^w1-[0-9a-f]{8}$/);
    advance(9);
    expect(said).toEqual([]);
    const at: number[] = [];
    for (let ms = 0; ms < 3_900; ms += 10) if (advance(10).length > 0) at.push(now);
    const gaps = at.slice(1).map((time, index) => time - at[index]!);
    expect(gaps.length).toBeGreaterThanOrEqual(3);
    for (const [index, gap] of gaps.entries()) {
      expect(gap).toBeGreaterThanOrEqual(250 * 2 ** index * 0.8 - 10);
      expect(gap).toBeLessThanOrEqual(250 * 2 ** index * 1.2 + 10);
    }
    expect(session.state).toBe("hello");
  });

  test("at once when it is asked, with everything that it holds", () => {
    ready();
    const [running, done] = hearBatch(2);
    session.finish([outcome(done!)]);
    said.length = 0;
    hear({ type: "rehello", epoch: "e1", reason: "unknown_session" });
    expect(said).toMatchObject([
      { type: "hello", worker_id: "w1", leases: [running], outbox: [done], capacity: 2, handlers: ["work"] },
    ]);
    expect(session.state).toBe("hello");
  });

  test("at once when the orchestrator was restarted, whatever tells", () => {
    ready();
    hear({ type: "ping", epoch: "e2" });
    expect(typesOf(said)).toEqual(["hello"]);
    welcome("e2");
    expect(session.state).toBe("ready");
    expect(advance(1_000)).toMatchObject([{ type: "heartbeat", epoch: "e2" }]);
  });

  test("never again after a refusal", () => {
    session.start();
    advance(10);
    hear({ type: "refuse", epoch: "e1", reason: "codec", detail: "json only" });
    expect(events).toEqual(["refused codec json only"]);
    expect(session.state).toBe("closed");
    expect(closedWith).toBe(0);
    expect(advance(60_000)).toEqual([expect.objectContaining({ type: "hello" })].slice(1));
  });
});

describe("silence", () => {
  test("of four seconds means new sockets and a new session; what it holds stays", () => {
    ready();
    const first = session.name;
    const [running, done] = hearBatch(2);
    session.finish([outcome(done!)]);
    advance(3_990);
    expect(session.name).toBe(first);
    advance(30);
    expect(session.name).not.toBe(first);
    expect(opened).toEqual([first, session.name]);
    expect(said.at(-1)).toMatchObject({ type: "hello", session: session.name, leases: [running], outbox: [done] });
    welcome();
    expect(said.at(-1)).toMatchObject({ type: "results", session: session.name });
  });

  test("is counted anew with everything that is heard, be it unreadable", () => {
    ready();
    const first = session.name;
    advance(3_500);
    hear({ type: "ping", epoch: "e1" });
    advance(3_500);
    session.receive(Buffer.from("garbage"));
    advance(3_500);
    expect(session.name).toBe(first);
  });

  test("does not count while the process itself stood still", () => {
    ready();
    const first = session.name;
    now += 60_000;
    session.tick();
    expect(session.name).toBe(first);
    advance(4_100);
    expect(session.name).not.toBe(first);
  });

  test("ends in new sessions for as long as it lasts", () => {
    session.start();
    advance(20_500);
    expect(opened).toHaveLength(6);
    expect(new Set(opened).size).toBe(6);
  });
});

describe("batches", () => {
  test("run once, however often they come", () => {
    ready();
    const [lease] = hearBatch(1, { batchId: "batch_x" });
    hearBatch(1, { batchId: "batch_x" });
    session.finish([outcome(lease!)]);
    hearBatch(1, { batchId: "batch_x" });
    hear({ type: "result_ack", epoch: "e1", lease_ids: [lease!] });
    hearBatch(1, { batchId: "batch_x" });
    expect(ran.map((step) => step.leaseId)).toEqual([lease]);
  });

  test("that come in several messages run whole", () => {
    ready();
    hearBatch(1, { batchId: "batch_x" });
    const both = hearBatch(2, { batchId: "batch_x", seq: 2 });
    expect(ran.map((step) => step.leaseId)).toEqual(both);
  });

  test("are run before the welcome too, and answered after it", () => {
    session.start();
    advance(10);
    const [lease] = hearBatch(1);
    expect(ran).toHaveLength(1);
    session.finish([outcome(lease!)]);
    expect(typesOf(said)).toEqual(["hello"]);
    welcome();
    expect(typesOf(said)).toEqual(["hello", "results"]);
  });

  test("out of order count with the highest seq", () => {
    ready();
    hearBatch(1, { seq: 3 });
    hearBatch(1, { seq: 2 });
    expect(advance(1_000)).toMatchObject([{ type: "heartbeat", last_seq: 3 }]);
    expect(ran).toHaveLength(2);
  });

  test("for handlers that it does not have are rejected", () => {
    ready();
    const leases = hearBatch(2, { handler: "other" });
    expect(said).toMatchObject([{ type: "reject", reason: "unknown_handler", lease_ids: leases }]);
    expect(ran).toEqual([]);
  });

  test("are rejected while it drains, and what had not begun is given back", () => {
    ready();
    const [first, second] = hearBatch(2);
    session.drain();
    session.giveBack([second!, "batch_unknown.1"]);
    const late = hearBatch(1, { seq: 2 });
    expect(said).toMatchObject([
      { type: "heartbeat", capacity: 0 },
      { type: "reject", reason: "draining", lease_ids: [second] },
      { type: "reject", reason: "draining", lease_ids: late },
    ]);
    expect(session.state).toBe("draining");
    expect(advance(1_000)).toMatchObject([{ type: "heartbeat", leases: [first], capacity: 0, last_seq: 2 }]);
  });
});

describe("results", () => {
  test("are sent again after 1 s, doubling to 10 s, +-20 %, until they are acknowledged", () => {
    ready();
    const [lease] = hearBatch(1);
    session.finish([outcome(lease!)]);
    const at: number[] = [now];
    for (let ms = 0; ms < 60_000; ms += 10) {
      if (resultsIn(advance(10)).length > 0) at.push(now);
      if (ms % 1_000 === 0) hear({ type: "ping", epoch: "e1" });
    }
    const gaps = at.slice(1).map((time, index) => time - at[index]!);
    for (const [index, gap] of gaps.entries()) {
      const nominal = Math.min(1_000 * 2 ** index, 10_000);
      expect(gap).toBeGreaterThanOrEqual(nominal * 0.8 - 10);
      expect(gap).toBeLessThanOrEqual(nominal * 1.2 + 10);
    }
    expect(gaps.length).toBeGreaterThanOrEqual(7);
    hear({ type: "result_ack", epoch: "e1", lease_ids: [lease!] });
    expect(session.outboxSize).toBe(0);
    for (let s = 0; s < 20; s++) {
      hear({ type: "ping", epoch: "e1" });
      expect(resultsIn(advance(1_000))).toEqual([]);
    }
  });

  test("of several batches go in a message each", () => {
    ready();
    const first = hearBatch(2, { seq: 1 });
    const second = hearBatch(1, { seq: 2 });
    session.finish([...first, ...second].map((lease) => outcome(lease)));
    expect(said.map((message) => message.type === "results" && message.results.length)).toEqual([2, 1]);
  });

  test("of a handler that timed out and ended later follow the first one's ack", () => {
    ready();
    const [lease] = hearBatch(1);
    session.finish([outcome(lease!, timeout)]);
    session.finish([outcome(lease!, { output: '"late"' })]);
    expect(resultsIn(said)).toMatchObject([{ error_code: "timeout" }]);
    hear({ type: "result_ack", epoch: "e1", lease_ids: [], timeout_ids: [lease!] });
    expect(resultsIn(said)).toMatchObject([{ error_code: "timeout" }, { output: '"late"', status: "completed" }]);
    hear({ type: "result_ack", epoch: "e1", lease_ids: [lease!] });
    expect(session.outboxSize).toBe(0);
  });

  test("of a handler that ended late are not taken for acknowledged when the ack of its timeout comes twice", () => {
    ready();
    const [lease] = hearBatch(1);
    session.finish([outcome(lease!, timeout)]);
    session.finish([outcome(lease!, { output: '"late"' })]);
    hear({ type: "result_ack", epoch: "e1", lease_ids: [], timeout_ids: [lease!] });
    hear({ type: "result_ack", epoch: "e1", lease_ids: [], timeout_ids: [lease!] });
    expect(session.outboxSize).toBe(1);
  });

  test("of a handler that ends after its timeout was acknowledged are sent at once", () => {
    ready();
    const [lease] = hearBatch(1);
    session.finish([outcome(lease!, timeout)]);
    hear({ type: "result_ack", epoch: "e1", lease_ids: [lease!] });
    expect(advance(1_000)).toMatchObject([{ type: "heartbeat", leases: [] }]);
    session.finish([outcome(lease!, { output: '"late"' })]);
    expect(resultsIn(said)).toMatchObject([{ error_code: "timeout" }, { output: '"late"' }]);
  });

  test("of leases that it does not hold are not sent", () => {
    ready();
    session.finish([outcome("batch_unknown.1")]);
    expect(said).toEqual([]);
  });
});

describe("capacity", () => {
  test("shrinks by handlers that ran past their time, but never to nothing", () => {
    ready();
    session.overdue(1);
    session.overdue(2);
    session.overdue(0);
    expect(said.map((message) => message.type === "heartbeat" && message.capacity)).toEqual([1, 1, 2]);
  });
});

describe("leaving", () => {
  test("waits for the last ack, says bye and lingers", () => {
    ready();
    const [lease] = hearBatch(1);
    session.drain();
    session.finish([outcome(lease!)]);
    session.leave(5_000);
    expect(events).toEqual([]);
    hear({ type: "result_ack", epoch: "e1", lease_ids: [lease!] });
    expect(said.at(-1)).toEqual({ type: "bye", protocol_version: "2.0", session: session.name, last_seq: 1 });
    expect(events).toEqual(["closed"]);
    expect(closedWith).toBe(2_000);
    expect(session.wakesAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("does not wait for ever", () => {
    ready();
    const [lease] = hearBatch(1);
    session.finish([outcome(lease!)]);
    session.leave(3_000);
    advance(2_990);
    expect(events).toEqual([]);
    advance(10);
    expect(events).toEqual(["closed"]);
    expect(typesOf(said).at(-1)).toBe("bye");
  });

  test("an ack that was lost is made up for, also through a new session", () => {
    ready();
    const [lease] = hearBatch(1);
    session.finish([outcome(lease!)]);
    session.leave(20_000);
    const first = session.name;
    advance(4_100);
    expect(session.name).not.toBe(first);
    expect(said.at(-1)).toMatchObject({ type: "hello", capacity: 0, outbox: [lease] });
    welcome();
    expect(typesOf(said).at(-1)).toBe("results");
    hear({ type: "result_ack", epoch: "e1", lease_ids: [lease!] });
    expect(events).toEqual(["closed"]);
  });
});

test("orders to cancel and to drain are passed on", () => {
  ready();
  hear({ type: "cancel", epoch: "e1", lease_ids: ["a.1", "a.2"], reason: "task cancelled" });
  hear({ type: "drain", epoch: "e1", reason: "maintenance" });
  expect(events).toEqual(["cancel a.1,a.2 task cancelled", "drain maintenance"]);
});

describe("checkpoints", () => {
  /** What was said of this type since the last time. */
  function take<T extends Said["type"]>(type: T): Extract<Said, { type: T }>[] {
    return said.splice(0).filter((message) => message.type === type) as Extract<Said, { type: T }>[];
  }

  const cursors = () =>
    take("heartbeat").flatMap(({ checkpoints }) => checkpoints.map(({ seq, cursor }) => `${seq} ${cursor}`));

  function settle(leaseId: string, seq: number, refused?: string): void {
    hear({
      type: "checkpoint_ack",
      epoch: "e1",
      checkpoints: [{ lease_id: leaseId, seq, ...(refused && { refused }) }],
    });
  }

  function holding(): string {
    session.start();
    welcome();
    const [lease] = hearBatch(1);
    take("heartbeat");
    return lease!;
  }

  test("are sent with the next tick, in every heartbeat until they are settled, and then no more", () => {
    const lease = holding();
    session.checkpoint(lease, 1, '{"row":1}');
    expect(session.wakesAt).toBe(now);
    session.tick();
    expect(cursors()).toEqual(['1 {"row":1}']);
    advance(1_000);
    expect(cursors()).toEqual(['1 {"row":1}']);
    settle(lease, 1);
    expect(events).toEqual([`settled ${lease} 1 kept`]);
    advance(1_000);
    expect(cursors()).toEqual([]);
  });

  test("that follow one on its way wait for it, and only the newest goes", () => {
    const lease = holding();
    session.checkpoint(lease, 1, "1");
    session.tick();
    for (const seq of [2, 3, 4]) session.checkpoint(lease, seq, `${seq}`);
    session.tick();
    expect(cursors()).toEqual(["1 1"]);
    settle(lease, 1);
    session.tick();
    expect(cursors()).toEqual(["4 4"]);
  });

  test("that still wait when the handler ends go before its result", () => {
    const lease = holding();
    session.checkpoint(lease, 1, "1");
    session.tick();
    session.checkpoint(lease, 2, "2");
    said.splice(0);
    session.finish([outcome(lease, { status: "failed" })]);
    expect(said.map(({ type }) => type)).toEqual(["heartbeat", "results"]);
    expect(cursors()).toEqual(["2 2"]);
    advance(1_000);
    expect(cursors()).toEqual([]);
  });

  test("are sent again under a new session, at once", () => {
    const lease = holding();
    session.checkpoint(lease, 1, "1");
    session.tick();
    cursors();
    advance(4_000);
    cursors();
    welcome("e2");
    session.tick();
    expect(cursors()).toEqual(["1 1"]);
  });

  test("that are refused are told to whoever saved them", () => {
    const lease = holding();
    session.checkpoint(lease, 1, "1");
    settle(lease, 1, "stale_lease");
    expect(events).toEqual([`settled ${lease} 1 stale_lease`]);
  });

  test("of a lease that is not held are refused at once", () => {
    const lease = holding();
    session.finish([outcome(lease)]);
    session.checkpoint(lease, 1, "1");
    expect(events).toEqual([`settled ${lease} 1 stale_lease`]);
  });

  test("that are large together go in several heartbeats, each listing all leases", () => {
    session.start();
    welcome();
    const leases = hearBatch(18);
    take("heartbeat");
    for (const lease of leases) session.checkpoint(lease, 1, `"${"x".repeat(60 * 1024)}"`);
    session.tick();
    const beats = take("heartbeat");
    expect(beats.map(({ checkpoints }) => checkpoints.map(({ lease_id }) => lease_id))).toEqual([
      leases.slice(0, 17),
      leases.slice(17),
    ]);
    for (const beat of beats) expect(beat.leases).toEqual(leases);
  });
});

describe("MessagePack", () => {
  let frames: Frame[];

  function speak(codec: "json" | "msgpack"): void {
    session = new Session(
      { workerId: "w1", pool: "default", version: "1", handlers: ["work"], capacity: 2, codec },
      {
        clock: { monotonicMs: () => now },
        random: new SeededRandom(1),
        log: filterLog(jsonLinesLogger(), "silent"),
        wire: { open: () => {}, send: (frame) => frames.push(frame), close: () => {} },
        events: {
          run: (steps) => ran.push(...steps),
          cancel: () => {},
          checkpointSettled: () => {},
          drainRequested: () => {},
          refused: (reason, detail) => events.push(`refused ${reason} ${detail}`),
          closed: () => {},
        },
      },
    );
    frames = [];
    session.start();
    advance(10);
  }

  const chosen = (codec: "json" | "msgpack") =>
    hear({ type: "welcome", epoch: "e1", version: "2.0", codec, heartbeat_ms: 1_000, limits });

  test("is offered first when it is wanted, and spoken after the welcome that chooses it", () => {
    speak("msgpack");
    const hello = decodeWorkerMessage(Buffer.from(frames[0] as string));
    expect(hello).toMatchObject({ type: "hello", codecs: ["msgpack", "json"] });
    chosen("msgpack");
    const [lease] = hearBatch(1, { codec: "msgpack" });
    session.finish([outcome(lease!)]);
    advance(1_000);
    expect(frames.slice(1).map((frame) => typeof frame)).not.toContain("string");
    expect(frames.slice(1).map((frame) => decode(frame).type)).toEqual(
      expect.arrayContaining(["results", "heartbeat"]),
    );
  });

  test("is not spoken when the welcome chooses JSON; batches of both are run", () => {
    speak("msgpack");
    chosen("json");
    const leases = [...hearBatch(1, { codec: "msgpack", seq: 1 }), ...hearBatch(1, { seq: 2 })];
    expect(ran.map(({ leaseId }) => leaseId)).toEqual(leases);
    advance(1_000);
    expect(frames.map((frame) => typeof frame)).not.toContain("object");
  });

  test("that was not offered and is chosen all the same ends the worker", () => {
    speak("json");
    chosen("msgpack");
    expect(events).toEqual(["refused codec the orchestrator chose msgpack"]);
  });
});
