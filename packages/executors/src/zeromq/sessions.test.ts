import { describe, expect, test } from "vitest";
import { buildHello, RecordedRoster } from "./testing/recorded-roster.ts";

const session = "w1-00000001";
const rebuilt = "w1-00000002";

function kinds(roster: RecordedRoster): string[] {
  return roster.takeEvents().map((event) => {
    switch (event.event) {
      case "joined":
        return `joined ${event.key}`;
      case "changed":
        return `changed ${event.draining === undefined ? `capacity ${event.capacity}` : event.draining ? "closed" : "open"}`;
      case "lost":
        return `lost ${event.key} ${event.reason}`;
      case "rejected":
        return `rejected ${event.leaseIds.join()} ${event.reason}`;
      case "missing":
        return `missing ${event.leaseIds.join()}`;
      case "checkpoints":
        return `checkpoints ${event.checkpoints.map(({ leaseId }) => leaseId).join()}`;
      default:
        return event.event;
    }
  });
}

function joined(fields: Parameters<typeof buildHello>[1] = {}): RecordedRoster {
  const roster = new RecordedRoster();
  roster.join(session, fields);
  return roster;
}

describe("joining", () => {
  test("a session that subscribes is asked to say hello, and is welcomed when it does", () => {
    const roster = new RecordedRoster();
    expect(roster.subscribe(`@${session} `)).toBe(`@${session} `);
    expect(roster.takeSaid(session)).toEqual(["rehello: unknown_session"]);
    roster.hello(session, { leases: ["a.1"], outbox: ["a.2"] });
    const [event] = roster.takeEvents();
    expect(event).toMatchObject({
      event: "joined",
      info: { key: session, workerId: "w1", capacity: 20, handlers: ["work"], heldLeases: ["a.1", "a.2"] },
    });
    expect(roster.takeSent()).toMatchObject([
      { to: session, message: { type: "welcome", epoch: roster.epoch, orchestrator_id: "o1", heartbeat_ms: 1000 } },
    ]);
  });

  test("a hello that comes before its subscription is not answered; the subscription is", () => {
    const roster = new RecordedRoster();
    roster.hello(session);
    expect(roster.takeEvents()).toEqual([]);
    expect(roster.takeSent()).toEqual([]);
    expect(roster.counters.hellosUnheard).toBe(1);
    roster.subscribe(`@${session} `);
    expect(roster.takeSaid(session)).toEqual(["rehello: unknown_session"]);
  });

  test("the same hello again changes nothing and is welcomed again", () => {
    const roster = joined();
    roster.hello(session);
    expect(kinds(roster)).toEqual([]);
    expect(roster.takeSaid(session)).toEqual(["welcome"]);
  });

  test("a hello on other terms tells the engine: capacity alone, or all of it", () => {
    const roster = joined();
    roster.hello(session, { capacity: 3 });
    expect(kinds(roster)).toEqual(["changed capacity 3"]);
    roster.hello(session, { capacity: 3, handlers: ["work", "rest"] });
    expect(kinds(roster)).toEqual([`joined ${session}`]);
  });

  test.each([
    ["protocol_version", { protocols: ["3.0"] }],
    ["codec", { codecs: ["cbor"] }],
  ])("refuses with %s what it cannot speak", (reason, fields) => {
    const roster = new RecordedRoster();
    roster.subscribe(`@${session} `);
    roster.takeSent();
    roster.hello(session, fields);
    expect(roster.takeSaid(session)).toEqual([`refuse: ${reason}`]);
    expect(roster.takeEvents()).toEqual([]);
    expect(roster.counters.sessionsRefused).toEqual({ [reason]: 1 });
  });

  test.each([
    [["json"], "json"],
    [["json", "msgpack"], "json"],
    [["msgpack", "json"], "msgpack"],
    [["cbor", "msgpack"], "msgpack"],
  ] as const)(
    "of the codecs %j it takes the first that it speaks (R-85), and says everything but the negotiation in it",
    (codecs, chosen) => {
      const roster = new RecordedRoster();
      roster.subscribe(`@${session} `);
      roster.takeSent();
      roster.hello(session, { codecs });
      expect(roster.takeSent().map(({ message }) => message)).toMatchObject([{ type: "welcome", codec: chosen }]);
      roster.dispatch(session, "b1");
      roster.roster.cancel(session, ["b1.1"], "no");
      roster.hello(session, { codecs });
      const inCodec = roster.takeSent().map(({ message, codec }) => [message.type, codec]);
      expect(inCodec).toEqual([
        ["batch", chosen],
        ["cancel", chosen],
        ["welcome", "json"],
      ]);
    },
  );

  test("takes both codecs whatever was chosen: messages cross the welcome (R-87)", () => {
    const roster = joined({ codecs: ["msgpack", "json"] });
    roster.takeEvents();
    roster.heartbeat(session, { capacity: 3 });
    roster.heartbeat(session, { capacity: 4 }, "msgpack");
    expect(kinds(roster)).toEqual(["changed capacity 3", "changed capacity 4"]);
  });

  test("refuses a hello of an unknown protocol version", () => {
    const roster = new RecordedRoster();
    roster.subscribe(`@${session} `);
    roster.takeSent();
    roster.arrive(`worker ${JSON.stringify({ ...buildHello(session), protocol_version: "9.9" })}`);
    expect(roster.takeSaid(session)).toEqual(["refuse: protocol_version"]);
    expect(roster.counters.badFrames).toEqual({ unsupported_version: 1 });
  });

  test("refuses sessions beyond the limit, and takes one when another has left", () => {
    const limits = { ...new RecordedRoster().config.limits, maxSessions: 1 };
    const roster = new RecordedRoster({ limits });
    roster.join(session);
    roster.subscribe("@w2-00000001 ");
    expect(roster.takeSaid("w2-00000001")).toEqual(["refuse: too_many_sessions"]);
    roster.hello("w2-00000001");
    expect(roster.takeEvents()).toEqual([]);
    roster.bye(session);
    roster.unsubscribe(`@${session} `);
    roster.join("w2-00000002");
    expect(roster.roster.population).toEqual({ sessions: 1, joined: 1, plain: 0 });
  });
});

test("fault 37: leases that workers declare: as many as the limit of all together, and no more until one has left", () => {
  const limits = { ...new RecordedRoster().config.limits, maxDeclaredLeases: 3 };
  const roster = new RecordedRoster({ limits });
  roster.join(session, { leases: ["a.1"], outbox: ["a.2"] });
  roster.join("w2-00000001", { leases: ["b.1"] });
  roster.subscribe("@w3-00000001 ");
  roster.takeSent();
  roster.hello("w3-00000001", { leases: ["c.1"] });
  expect(roster.takeSaid("w3-00000001")).toEqual(["refuse: too_many_leases"]);
  roster.hello("w3-00000001");
  expect(roster.takeSaid("w3-00000001")).toEqual(["welcome"]);
  roster.bye(session);
  roster.hello("w3-00000001", { leases: ["c.1", "c.2"] });
  expect(roster.takeSaid("w3-00000001")).toEqual(["welcome"]);
});

describe("losing and finding again", () => {
  test("a killed worker gets no new steps at once, and is lost after 1.5 s", () => {
    const roster = joined();
    roster.unsubscribe(`@${session} `);
    expect(kinds(roster)).toEqual(["changed closed"]);
    roster.pass(1_400);
    expect(kinds(roster)).toEqual([]);
    roster.pass(100);
    expect(kinds(roster)).toEqual([`lost ${session} disconnected`]);
    expect(roster.roster.population.sessions).toBe(0);
  });

  test("a connection that comes back within the grace loses nothing", () => {
    const roster = joined();
    roster.unsubscribe(`@${session} `);
    roster.pass(1_000);
    roster.subscribe(`@${session} `);
    expect(kinds(roster)).toEqual(["changed closed", "changed open"]);
  });

  test("a second connection that replaces the first one changes nothing", () => {
    const roster = joined();
    roster.subscribe(`@${session} `);
    roster.unsubscribe(`@${session} `);
    roster.pass(500);
    expect(kinds(roster)).toEqual([]);
  });

  test("a silent worker is suspect after 3 s, and ready again when it is heard", () => {
    const roster = joined();
    roster.pass(2_900);
    expect(kinds(roster)).toEqual([]);
    roster.pass(100);
    expect(kinds(roster)).toEqual(["changed closed"]);
    roster.heartbeat(session);
    expect(kinds(roster)).toEqual(["changed open"]);
  });

  test("a worker that stays silent is lost after 6 s, and may come back", () => {
    const roster = joined();
    roster.pass(6_000);
    expect(kinds(roster)).toEqual(["changed closed", `lost ${session} silent`]);
    roster.takeSent();
    roster.heartbeat(session);
    expect(roster.takeSaid(session)).toEqual(["rehello: unknown_session"]);
    roster.hello(session, { leases: ["a.1"] });
    expect(kinds(roster)).toEqual([`joined ${session}`]);
  });

  test("a worker that is heard but not subscribed has time to rebuild its sockets, but not for ever", () => {
    const roster = joined();
    roster.unsubscribe(`@${session} `);
    roster.pass(5_900, () => roster.heartbeat(session));
    expect(kinds(roster)).toEqual(["changed closed"]);
    roster.pass(100, () => roster.heartbeat(session));
    expect(kinds(roster)).toEqual([`lost ${session} unreachable`]);
  });

  test("fault 14: a minute in which the orchestrator itself stood still is nobody's silence", () => {
    const roster = joined();
    roster.freeze(60_000);
    expect(kinds(roster)).toEqual([]);
    roster.pass(2_000);
    expect(kinds(roster)).toEqual([]);
  });

  test("bye ends the session at once, and the subscription that lingers is no worker", () => {
    const roster = joined();
    roster.bye(session);
    expect(kinds(roster)).toEqual([`lost ${session} bye`]);
    roster.unsubscribe(`@${session} `);
    expect(kinds(roster)).toEqual([]);
    expect(roster.roster.population.sessions).toBe(0);
  });

  test("fault 39: a batch that crossed with the bye was never read: it goes elsewhere, what was read before is lost", () => {
    const roster = joined();
    const read = roster.dispatch(session, "b1");
    const seq = (roster.takeSent()[0]!.message as { seq: number }).seq;
    roster.heartbeat(session, { last_seq: seq, leases: [read.steps[0]!.leaseId] });
    const crossed = roster.dispatch(session, "b2");
    roster.bye(session, seq);
    expect(kinds(roster)).toEqual([`rejected ${crossed.steps[0]!.leaseId} draining`, `lost ${session} bye`]);
  });

  test("says something to each session at least once a second", () => {
    const roster = joined();
    roster.pass(3_000, () => roster.heartbeat(session));
    expect(roster.takeSent().map(({ message }) => message.type)).toEqual(["ping", "ping", "ping"]);
    roster.pass(1_000, (passed) => passed % 500 === 0 && roster.roster.acknowledge(session, ["a.1"]));
    expect(roster.takeSent().map(({ message }) => message.type)).toEqual(["result_ack", "result_ack"]);
  });
});

describe("after a restart of the orchestrator", () => {
  test("a heartbeat of another epoch is answered with rehello and means nothing else", () => {
    const roster = joined();
    const batch = roster.dispatch(session, "b1");
    roster.takeSent();
    for (let i = 0; i < 3; i++) roster.heartbeat(session, { epoch: "older", last_seq: 9 });
    expect(roster.takeSaid(session)).toEqual(Array(3).fill("rehello: other_epoch"));
    expect(kinds(roster)).toEqual([]);
    expect(batch.steps).toHaveLength(1);
  });

  test("a heartbeat of a session that is not even subscribed is answered with nothing", () => {
    const roster = new RecordedRoster();
    roster.heartbeat(session);
    expect(roster.takeSent()).toEqual([]);
  });

  test("goes on from the highest seq that the session has seen", () => {
    const roster = joined();
    roster.heartbeat(session, { last_seq: 57 });
    roster.dispatch(session, "b1");
    expect(roster.takeSent()).toMatchObject([{ message: { type: "batch", seq: 58 } }]);
  });
});

describe("one worker id, two sessions", () => {
  test("a worker that rebuilt its sockets takes over, and joins before its old session is lost", () => {
    const roster = joined();
    roster.unsubscribe(`@${session} `);
    roster.takeEvents();
    roster.subscribe(`@${rebuilt} `);
    roster.hello(rebuilt, { leases: ["a.1"] });
    expect(kinds(roster)).toEqual([`joined ${rebuilt}`, `lost ${session} superseded`]);
  });

  test("so it does when its hello is read before its old connection is seen to go", () => {
    const roster = joined();
    roster.subscribe(`@${rebuilt} `);
    roster.hello(rebuilt);
    expect(roster.takeSaid(session)).toEqual(["rehello: duplicate_worker_id"]);
    expect(kinds(roster)).toEqual([]);
    roster.unsubscribe(`@${session} `);
    expect(kinds(roster)).toEqual([`joined ${rebuilt}`, `lost ${session} superseded`]);
    expect(roster.roster.population).toEqual({ sessions: 1, joined: 1, plain: 0 });
  });

  test("fault 17: so it does when the old connection is half open and its heartbeats still wait in a queue", () => {
    const roster = joined();
    roster.subscribe(`@${rebuilt} `);
    roster.hello(rebuilt);
    roster.pass(1_900, () => roster.heartbeat(session));
    expect(kinds(roster)).toEqual([]);
    roster.pass(100, () => roster.heartbeat(session));
    expect(kinds(roster)).toEqual([`joined ${rebuilt}`, `lost ${session} superseded`]);
  });

  test("fault 22: a second process is refused once the first has shown that it lives", () => {
    const roster = joined();
    roster.subscribe(`@${rebuilt} `);
    roster.hello(rebuilt);
    roster.takeSent();
    roster.hello(session);
    expect(roster.takeSaid(rebuilt)).toEqual(["refuse: duplicate_worker_id"]);
    roster.pass(5_000, () => roster.heartbeat(session));
    expect(kinds(roster)).toEqual([]);
  });

  test("a second process that waits takes over when the first one is lost", () => {
    const roster = joined();
    roster.pass(2_500);
    roster.subscribe(`@${rebuilt} `);
    roster.hello(rebuilt);
    roster.pass(500);
    expect(kinds(roster)).toEqual([`joined ${rebuilt}`, `lost ${session} superseded`]);
  });

  test("a session that shows itself deaf while another waits for its place says nothing more once it has lost it", () => {
    const roster = joined();
    roster.dispatch(session, "batch_1");
    roster.pass(3_000, () => roster.heartbeat(session, { last_seq: 1 }));
    roster.dispatch(session, "batch_2");
    roster.pass(2_900, () => roster.heartbeat(session, { last_seq: 1, leases: ["batch_1.1"] }));
    roster.subscribe(`@${rebuilt} `);
    roster.hello(rebuilt);
    roster.takeEvents();
    roster.pass(200);
    roster.heartbeat(session, { last_seq: 1, capacity: 3 });
    expect(kinds(roster)).toEqual([`joined ${rebuilt}`, `lost ${session} superseded`]);
  });

  test("a challenger that leaves again changes nothing", () => {
    const roster = joined();
    roster.subscribe(`@${rebuilt} `);
    roster.hello(rebuilt);
    roster.unsubscribe(`@${rebuilt} `);
    roster.pass(2_500, () => roster.heartbeat(session));
    expect(kinds(roster)).toEqual([]);
    roster.bye(session);
    expect(kinds(roster)).toEqual([`lost ${session} bye`]);
  });
});

describe("leases that a session should hold", () => {
  test("fault 16: a batch that did not arrive within 3 s is missing, and the deaf worker gets nothing until it hears", () => {
    const roster = joined();
    roster.dispatch(session, "b1", 2);
    roster.takeSent();
    roster.pass(2_900, () => roster.heartbeat(session, { last_seq: 0 }));
    expect(kinds(roster)).toEqual([]);
    roster.takeSent();
    roster.pass(200, () => roster.heartbeat(session, { last_seq: 0 }));
    expect(kinds(roster)).toEqual(["changed closed", "missing b1.1,b1.2"]);
    expect(roster.takeSaid(session)).toEqual(["rehello: unconfirmed_batch"]);
    roster.pass(1_000, () => roster.heartbeat(session, { last_seq: 0 }));
    expect(kinds(roster)).toEqual([]);
    roster.hello(session);
    expect(kinds(roster)).toEqual(["changed open"]);
  });

  test("a deaf worker is asked for its hello with every heartbeat, since the question may be lost too", () => {
    const roster = joined();
    roster.dispatch(session, "b1");
    roster.pass(3_100);
    roster.heartbeat(session, { last_seq: 0 });
    roster.takeSaid(session);
    roster.heartbeat(session, { last_seq: 0 });
    expect(roster.takeSaid(session)).toEqual(["rehello: unconfirmed_batch"]);
    roster.hello(session);
    roster.takeSaid(session);
    roster.heartbeat(session, { last_seq: 0 });
    expect(roster.takeSaid(session)).toEqual([]);
  });

  test("of an unconfirmed batch only what the heartbeat does not list is missing", () => {
    const roster = joined();
    roster.dispatch(session, "b1", 2);
    roster.pass(3_100, () => roster.heartbeat(session, { last_seq: 0, leases: ["b1.2"] }));
    expect(kinds(roster)).toEqual(["changed closed", "missing b1.1"]);
  });

  test("a lease that arrived is missing when two heartbeats in a row do not list it", () => {
    const roster = joined();
    roster.dispatch(session, "b1", 2);
    roster.heartbeat(session, { last_seq: 1, leases: ["b1.1"] });
    roster.heartbeat(session, { last_seq: 1, leases: ["b1.1", "b1.2"] });
    roster.heartbeat(session, { last_seq: 1, leases: ["b1.1"] });
    expect(kinds(roster)).toEqual([]);
    roster.heartbeat(session, { last_seq: 1, leases: ["b1.1"] });
    expect(kinds(roster)).toEqual(["missing b1.2"]);
    roster.heartbeat(session, { last_seq: 1, leases: ["b1.1"] });
    expect(kinds(roster)).toEqual([]);
  });

  test("a declared lease is watched like a sent one", () => {
    const roster = joined({ leases: ["a.1"], outbox: ["a.2"] });
    roster.heartbeat(session, { leases: ["a.2"] });
    roster.heartbeat(session, { leases: ["a.2"] });
    expect(kinds(roster)).toEqual(["missing a.1"]);
  });

  test.each([
    ["acknowledged", (roster: RecordedRoster) => roster.roster.acknowledge(session, ["b1.1"]), []],
    [
      "rejected",
      (roster: RecordedRoster) => roster.reject(session, ["b1.1"], "unknown_handler"),
      ["rejected b1.1 unknown_handler"],
    ],
    // Its slot is free only once it is out of the worker's hands.
    ["cancelled", (roster: RecordedRoster) => roster.roster.cancel(session, ["b1.1"], "cancelled"), ["missing b1.1"]],
  ])("a lease that was %s", (_, act, expected) => {
    const roster = joined();
    roster.dispatch(session, "b1");
    act(roster);
    roster.heartbeat(session, { last_seq: 1 });
    roster.heartbeat(session, { last_seq: 1 });
    expect(kinds(roster)).toEqual(expected);
  });

  test("leases that a heartbeat lists and nobody sent are fine", () => {
    const roster = joined();
    for (let i = 0; i < 3; i++) roster.heartbeat(session, { leases: ["other.1"] });
    expect(kinds(roster)).toEqual([]);
  });

  test("a heartbeat brings capacity and progress, byte for byte", () => {
    const roster = joined();
    roster.heartbeat(session, { capacity: 7, progress: [{ lease_id: "b1.1", progress: '{"n": 9007199254740993}' }] });
    expect(roster.takeEvents()).toEqual([
      { event: "changed", key: session, capacity: 7 },
      { event: "progressed", key: session, leaseId: "b1.1", progress: '{"n": 9007199254740993}' },
    ]);
  });

  test("cursors reach the engine byte for byte, and what became of them the worker", () => {
    const roster = joined();
    roster.heartbeat(session, { checkpoints: [{ lease_id: "b1.1", seq: 3, cursor: '{"n": 9007199254740993}' }] });
    const checkpoints = [{ leaseId: "b1.1", seq: 3, cursor: '{"n": 9007199254740993}' }];
    expect(roster.takeEvents()).toEqual([{ event: "checkpoints", key: session, checkpoints }]);
    expect(roster.takeSent()).toEqual([]);
    roster.roster.settleCheckpoints(session, [
      { leaseId: "b1.1", seq: 3, refused: null },
      { leaseId: "b1.2", seq: 1, refused: "stale_lease" },
    ]);
    expect(roster.takeSent()).toMatchObject([
      {
        to: session,
        message: {
          type: "checkpoint_ack",
          checkpoints: [
            { lease_id: "b1.1", seq: 3 },
            { lease_id: "b1.2", seq: 1, refused: "stale_lease" },
          ],
        },
      },
    ]);
  });

  test("a cursor that is too large is refused, its heartbeat and its neighbours are not (R-83)", () => {
    const roster = joined();
    roster.heartbeat(session, {
      capacity: 7,
      checkpoints: [
        { lease_id: "b1.1", seq: 1, cursor: `"${"x".repeat(65 * 1024)}"` },
        { lease_id: "b1.2", seq: 1, cursor: "2" },
      ],
    });
    expect(kinds(roster)).toEqual(["changed capacity 7", "checkpoints b1.2"]);
    expect(roster.takeSent()).toMatchObject([
      { message: { type: "checkpoint_ack", checkpoints: [{ lease_id: "b1.1", seq: 1, refused: "too_large" }] } },
    ]);
    expect(roster.counters.badFrames).toEqual({ too_large: 1 });
  });

  test("fault 39: a worker that drains gives back what it did not start and gets nothing more", () => {
    const roster = joined();
    roster.dispatch(session, "b1");
    roster.reject(session, ["b1.1"], "draining");
    expect(kinds(roster)).toEqual(["changed closed", "rejected b1.1 draining"]);
    roster.pass(4_000);
    roster.heartbeat(session, { last_seq: 1 });
    expect(kinds(roster)).toEqual([]);
  });
});

describe("sending", () => {
  test("a batch that the full queue refuses stays here and is sent when there is room, under a new seq", () => {
    const roster = joined();
    roster.full = true;
    roster.dispatch(session, "b1");
    roster.dispatch(session, "b2");
    roster.pass(300);
    roster.heartbeat(session);
    roster.heartbeat(session);
    expect(roster.takeSent()).toEqual([]);
    roster.full = false;
    roster.pass(100);
    const batches = roster.takeSent();
    expect(batches).toMatchObject([{ message: { batch_id: "b1" } }, { message: { batch_id: "b2" } }]);
    expect(kinds(roster)).toEqual([]);
    expect(roster.counters.sendsRefused).toBeGreaterThan(0);
    const seqs = batches.map(({ message }) => ("seq" in message ? message.seq! : 0));
    expect(seqs[1]).toBe(seqs[0]! + 1);
  });

  test("what was never sent goes back when the worker is lost, before its leases are revoked", () => {
    const roster = joined();
    roster.dispatch(session, "b1");
    roster.unsubscribe(`@${session} `);
    roster.dispatch(session, "b2", 2);
    expect(roster.takeSent()).toHaveLength(1);
    roster.takeEvents();
    roster.pass(1_500);
    expect(kinds(roster)).toEqual(["rejected b2.1,b2.2 not_sent", `lost ${session} disconnected`]);
  });

  test("what waited for a connection is sent when it is back", () => {
    const roster = joined();
    roster.unsubscribe(`@${session} `);
    roster.dispatch(session, "b1");
    roster.roster.cancel(session, ["b1.1"], "cancelled");
    roster.subscribe(`@${session} `);
    expect(roster.takeSaid(session)).toEqual(["batch", "cancel: cancelled"]);
  });

  test("a batch for a worker that was lost in the meantime is dropped and counted", () => {
    const roster = joined();
    roster.bye(session);
    roster.takeSent();
    roster.dispatch(session, "b1");
    expect(roster.takeSent()).toEqual([]);
    expect(roster.counters.batchesToLostWorkers).toBe(1);
  });

  test("the acks of one burst leave as one message, of at most 1,000 leases", () => {
    const roster = joined();
    roster.roster.acknowledge(session, ["a.1", "a.2"]);
    roster.roster.acknowledge(session, ["a.3"]);
    roster.settle();
    expect(roster.takeSent()).toMatchObject([{ message: { type: "result_ack", lease_ids: ["a.1", "a.2", "a.3"] } }]);
    roster.roster.acknowledgeTimeouts(session, ["a.4"]);
    roster.settle();
    expect(roster.takeSent()).toMatchObject([{ message: { type: "result_ack", lease_ids: [], timeout_ids: ["a.4"] } }]);
    for (let n = 0; n < 1_500; n++) roster.roster.acknowledge(session, [`b.${n}`]);
    roster.settle();
    expect(roster.takeSaid(session)).toEqual(["result_ack", "result_ack"]);
  });

  test("drain is told to the worker, and closes it for the engine", () => {
    const roster = joined();
    roster.roster.drain(session, "operator");
    expect(roster.takeSaid(session)).toEqual(["drain: operator"]);
    expect(kinds(roster)).toEqual(["changed closed"]);
  });
});
