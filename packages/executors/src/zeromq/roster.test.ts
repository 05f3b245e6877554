import { describe, expect, test } from "vitest";
import { RecordedRoster } from "./testing/recorded-roster.ts";

const session = "w1-00000001";
const limits = new RecordedRoster().config.limits;

function results(batchId: string, items: unknown[], rest: object = {}): string {
  return `results ${JSON.stringify({ batch_id: batchId, protocol_version: "1.0", results: items, ...rest })}`;
}

describe("plain 1.0 workers", () => {
  test.each(["steps", "steps "])("a subscription to %j gets a slot with a prefix of its own", (topic) => {
    const roster = new RecordedRoster();
    const prefixes = [roster.subscribe(topic), roster.subscribe(topic)];
    expect(prefixes).toEqual(['steps {"batch_id":"p0000000000000002_', 'steps {"batch_id":"p0000000000000003_']);
    roster.pass(roster.config.plainSettleMs);
    expect(roster.takeEvents()).toMatchObject([
      {
        event: "joined",
        info: {
          key: "p0000000000000002",
          workerId: "plain-p0000000000000002",
          protocol: "1.0",
          handlers: null,
          capacity: 10,
          oneBatchAtATime: true,
          batchPrefix: "p0000000000000002_",
        },
      },
      { event: "joined", key: "p0000000000000003" },
    ]);
  });

  test("a slot is not announced before results can come back, and never if it leaves before", () => {
    const roster = new RecordedRoster();
    roster.subscribe("steps");
    const second = roster.subscribe("steps")!;
    roster.pass(roster.config.plainSettleMs - roster.config.tickMs);
    expect(roster.takeEvents()).toEqual([]);
    roster.unsubscribe(second);
    roster.pass(roster.config.tickMs);
    expect(roster.takeEvents()).toMatchObject([{ event: "joined", info: { key: "p0000000000000002" } }]);
  });

  test("a batch for a slot begins with its prefix and is the seed's", () => {
    const roster = new RecordedRoster();
    roster.subscribe("steps");
    roster.dispatch("p0000000000000002", "p0000000000000002_b1");
    const [sent] = roster.takeSent();
    expect(sent).toMatchObject({
      to: "steps",
      message: { batch_id: "p0000000000000002_b1", protocol_version: "1.0", steps: [{ metadata: { attempt: 0 } }] },
    });
  });

  test("a slot that leaves is lost at once, and what was never sent goes back", () => {
    const roster = new RecordedRoster();
    const prefix = roster.subscribe("steps")!;
    roster.pass(roster.config.plainSettleMs);
    roster.takeEvents();
    roster.full = true;
    roster.dispatch("p0000000000000002", "p0000000000000002_b1");
    roster.unsubscribe(prefix);
    expect(roster.takeEvents()).toEqual([
      { event: "rejected", key: "p0000000000000002", leaseIds: ["p0000000000000002_b1.1"], reason: "not_sent" },
      { event: "lost", key: "p0000000000000002", reason: "disconnected" },
    ]);
    roster.unsubscribe(prefix);
    expect(roster.takeEvents()).toEqual([]);
  });

  test("a batch that the full queue refuses is sent when there is room", () => {
    const roster = new RecordedRoster();
    roster.subscribe("steps");
    roster.full = true;
    roster.dispatch("p0000000000000002", "p0000000000000002_b1");
    roster.pass(200);
    roster.full = false;
    roster.pass(100);
    expect(roster.takeSent()).toMatchObject([{ message: { batch_id: "p0000000000000002_b1" } }]);
  });

  test("a result names its lease by batch and step, and its sender by the batch", () => {
    const roster = new RecordedRoster();
    roster.subscribe("steps");
    roster.takeEvents();
    const item = { step_id: 7, status: "failed", output: null, error: { message: "no", code: "X" } };
    roster.arrive(results("p0000000000000002_b1", [item]));
    expect(roster.takeEvents()).toMatchObject([
      {
        event: "results",
        key: "p0000000000000002",
        results: [{ stepId: 7, leaseId: "p0000000000000002_b1.7", outcome: "failed", errorCode: "X" }],
      },
    ]);
    roster.arrive(results("someone_b1", [item]));
    expect(roster.takeEvents()).toMatchObject([{ event: "results", key: null }]);
  });

  test("there are no more slots than the limit", () => {
    const roster = new RecordedRoster({ limits: { ...limits, maxPlainSlots: 1 } });
    expect(roster.subscribe("steps")).not.toBeNull();
    expect(roster.subscribe("steps")).toBeNull();
    expect(roster.counters.subscriptionsRefused).toBe(1);
  });
});

describe("results of 2.0", () => {
  test("pass through byte for byte, with the session as the sender", () => {
    const roster = new RecordedRoster();
    roster.join(session);
    roster.results(session, roster.dispatch(session, "b1"));
    expect(roster.takeEvents()).toMatchObject([
      {
        event: "results",
        key: session,
        results: [{ leaseId: "b1.1", outcome: "completed", output: '{"ok":9007199254740993}', error: null }],
      },
    ]);
  });

  test("of a session that nobody knows still reach the engine", () => {
    const roster = new RecordedRoster();
    roster.results(session, roster.dispatch("nobody", "b1"));
    expect(roster.takeEvents()).toMatchObject([{ event: "results", key: null }]);
  });

  test("that cannot be read fail their attempt, and do not lose their neighbours", () => {
    const roster = new RecordedRoster();
    roster.join(session);
    const good = { step_id: 1, status: "completed", output: {}, metadata: { lease_id: "b1.1" } };
    const bad = { step_id: 2, status: "maybe", output: {}, metadata: { lease_id: "b1.2" } };
    roster.arrive(results("b1", [bad, good], { protocol_version: "2.0", session }));
    expect(roster.takeEvents()).toMatchObject([
      {
        event: "results",
        results: [
          { leaseId: "b1.1", outcome: "completed" },
          { stepId: 2, leaseId: "b1.2", outcome: "failed", errorCode: "result_malformed" },
        ],
      },
    ]);
    expect(roster.counters.badFrames).toEqual({ invalid_value: 1 });
  });

  test("with an output beyond the limit fail their attempt", () => {
    const roster = new RecordedRoster({ limits: { ...limits, maxOutputBytes: 1_000 } });
    const item = { step_id: 1, status: "completed", output: "x".repeat(2_000) };
    roster.arrive(results("b1", [item]));
    expect(roster.takeEvents()).toMatchObject([
      { results: [{ leaseId: "b1.1", outcome: "failed", errorCode: "output_too_large" }] },
    ]);
  });
});

describe("peers that misbehave", () => {
  test.each([
    "",
    "@",
    "@w1",
    "@w1-0000000",
    `@${session}`,
    "@w1-00000001 x",
    "stepsx",
    "?secret",
    `@${"w".repeat(400)}-00000001 `,
  ])("a subscription to %j gets nothing", (topic) => {
    const roster = new RecordedRoster();
    expect(roster.subscribe(topic)).toBeNull();
    expect(roster.counters.subscriptionsRefused).toBe(1);
    roster.unsubscribe(topic);
    expect(roster.takeEvents()).toEqual([]);
  });

  test("subscriptions beyond the rate get nothing until the next second", () => {
    const roster = new RecordedRoster({ limits: { ...limits, maxSubscriptionsPerSecond: 2 } });
    expect(roster.subscribe("@a-00000001 ")).not.toBeNull();
    expect(roster.subscribe("@a-00000002 ")).not.toBeNull();
    expect(roster.subscribe("@a-00000003 ")).toBeNull();
    roster.pass(1_000);
    expect(roster.subscribe("@a-00000003 ")).not.toBeNull();
  });

  test("bad frames are counted by code and logged at a bounded rate", () => {
    const roster = new RecordedRoster();
    for (let n = 0; n < 50; n++) {
      roster.arrive("results {");
      roster.arrive(Buffer.from([0x77, 0xff]));
    }
    expect(roster.counters.badFrames).toEqual({ invalid_json: 50, invalid_frame: 50 });
    expect(roster.logged).toHaveLength(limits.maxComplaintsLogged);
    roster.pass(10_000);
    expect(roster.logged.at(-1)).toEqual({ event: "peers.more_complaints", fields: { silenced: 90 } });
  });

  test("a flood of hellos from sessions that do not exist is only counted", () => {
    const roster = new RecordedRoster();
    for (let n = 0; n < 1_000; n++) roster.hello(`w${n}-00000001`);
    expect(roster.roster.population.sessions).toBe(0);
    expect(roster.takeSent()).toEqual([]);
    expect(roster.counters.hellosUnheard).toBe(1_000);
  });
});
