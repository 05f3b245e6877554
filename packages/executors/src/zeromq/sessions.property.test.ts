/**
 * Workers that die, go deaf, rebuild and drop frames, in any order: nothing ever throws, the engine hears a story that
 * makes sense, and once the faults stop, every lease is held by a worker that is here or was reported.
 */
import type { Batch } from "@tasker/engine";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Event, RecordedRoster, type Sent } from "./testing/recorded-roster.ts";

/** One connection of a worker, honest about what it holds. */
interface Connection {
  readonly session: string;
  readonly held: Set<string>;
  lastSeq: number;
  epoch: string;
  subscribed: boolean;
  /** Hears nothing although it is subscribed. */
  deaf: boolean;
  frozen: boolean;
  refused: boolean;
}

class World {
  readonly roster = new RecordedRoster();
  readonly connections = new Map<string, Connection>();
  /** What the engine believes: lease -> key. */
  readonly owners = new Map<string, string>();
  readonly joined = new Set<string>();
  #sessions = 0;
  #batches = 0;

  constructor() {
    this.roster.engine.listener = (event) => this.#believe(event);
  }

  connect(worker: number, held: Iterable<string> = []): Connection {
    const session = `w${worker}-${(++this.#sessions).toString(16).padStart(8, "0")}`;
    const connection: Connection = {
      session,
      held: new Set(held),
      lastSeq: 0,
      epoch: "none",
      subscribed: false,
      deaf: false,
      frozen: false,
      refused: false,
    };
    this.connections.set(session, connection);
    this.subscribe(connection);
    return connection;
  }

  subscribe(connection: Connection): void {
    if (connection.subscribed || connection.refused) return;
    connection.subscribed = true;
    this.roster.subscribe(`@${connection.session} `);
    this.deliver();
  }

  unsubscribe(connection: Connection): void {
    if (!connection.subscribed) return;
    connection.subscribed = false;
    this.roster.unsubscribe(`@${connection.session} `);
    this.deliver();
  }

  die(connection: Connection): void {
    this.connections.delete(connection.session);
    this.unsubscribe(connection);
  }

  rebuild(connection: Connection): void {
    this.die(connection);
    this.connect(Number(connection.session.slice(1, -9)), connection.held);
  }

  hello(connection: Connection): void {
    if (connection.frozen || connection.refused) return;
    this.roster.hello(connection.session, { leases: [...connection.held] });
    this.deliver();
  }

  heartbeat(connection: Connection): void {
    if (connection.frozen || connection.refused) return;
    const { session, held, lastSeq, epoch } = connection;
    this.roster.heartbeat(session, { last_seq: lastSeq, leases: [...held], epoch });
    this.deliver();
  }

  answer(connection: Connection): void {
    const [lease] = connection.held;
    if (lease === undefined || connection.frozen) return;
    const batchId = lease.slice(0, lease.lastIndexOf("."));
    const stepId = Number(lease.slice(batchId.length + 1));
    this.roster.results(connection.session, { batchId, steps: [{ stepId, leaseId: lease }] } as unknown as Batch);
    this.deliver();
  }

  dispatch(key: string, steps: number): void {
    const batchId = `b${++this.#batches}`;
    for (let step = 1; step <= steps; step++) this.owners.set(`${batchId}.${step}`, key);
    this.roster.dispatch(key, batchId, steps);
    this.deliver();
  }

  pass(ms: number): void {
    this.roster.pass(ms);
    this.deliver();
  }

  /** Frames reach whoever hears them; the others are lost. Answers may bring more frames. */
  deliver(): void {
    for (let sent = this.roster.takeSent(); sent.length > 0; sent = this.roster.takeSent())
      for (const frame of sent) this.#receive(frame);
  }

  #receive({ to, message }: Sent): void {
    const connection = this.connections.get(to);
    if (connection === undefined || !connection.subscribed || connection.deaf || connection.frozen) return;
    if ("steps" in message) {
      connection.lastSeq = message.seq!;
      for (const step of message.steps) connection.held.add(step.metadata.lease_id!);
    } else if (message.type === "welcome") connection.epoch = message.epoch;
    else if (message.type === "rehello") this.hello(connection);
    else if (message.type === "refuse") connection.refused = true;
    else if (message.type === "result_ack") for (const lease of message.lease_ids) connection.held.delete(lease);
  }

  #believe(event: Event): void {
    switch (event.event) {
      case "joined":
        this.joined.add(event.key);
        for (const lease of event.info.heldLeases) if (this.owners.has(lease)) this.owners.set(lease, event.key);
        return;
      case "lost":
        expect(this.joined.delete(event.key)).toBe(true);
        for (const [lease, key] of this.owners) if (key === event.key) this.owners.delete(lease);
        return;
      case "changed":
        expect(this.joined).toContain(event.key);
        return;
      case "rejected":
      case "missing":
        expect(this.joined).toContain(event.key);
        for (const lease of event.leaseIds) if (this.owners.get(lease) === event.key) this.owners.delete(lease);
        return;
      case "results":
        for (const { leaseId } of event.results) this.owners.delete(leaseId);
        if (event.key !== null)
          this.roster.roster.acknowledge(
            event.key,
            event.results.map((result) => result.leaseId),
          );
    }
  }

  check(): void {
    for (const key of this.owners.values()) expect(this.joined).toContain(key);
    const workerIds = [...this.joined].map((key) => key.slice(0, -9));
    expect(new Set(workerIds).size).toBe(workerIds.length);
    expect(this.roster.roster.population.joined).toBe(this.joined.size);
  }
}

const faults: Record<string, (world: World, connection: Connection, n: number) => void> = {
  unsubscribe: (world, connection) => world.unsubscribe(connection),
  subscribe: (world, connection) => world.subscribe(connection),
  die: (world, connection) => world.die(connection),
  rebuild: (world, connection) => world.rebuild(connection),
  hello: (world, connection) => world.hello(connection),
  heartbeat: (world, connection) => world.heartbeat(connection),
  answer: (world, connection) => world.answer(connection),
  goDeaf: (_, connection) => {
    connection.deaf = true;
  },
  hear: (_, connection) => {
    connection.deaf = false;
  },
  freeze: (_, connection) => {
    connection.frozen = true;
  },
  thaw: (_, connection) => {
    connection.frozen = false;
  },
  forget: (_, connection) => connection.held.clear(),
  twin: (world, connection) => void world.connect(Number(connection.session.slice(1, -9))),
  bye: (world, connection) => {
    world.roster.bye(connection.session);
    world.die(connection);
  },
  dispatch: (world, connection, n) => {
    if (world.joined.has(connection.session)) world.dispatch(connection.session, 1 + (n % 3));
  },
  cancel: (world, connection) => {
    world.roster.roster.cancel(connection.session, [...connection.held], "cancelled");
    world.deliver();
  },
  pass: (world, _, n) => world.pass(100 * (1 + (n % 30))),
  beat: (world) => {
    for (const connection of [...world.connections.values()]) world.heartbeat(connection);
    world.pass(1_000);
  },
  freezeOrchestrator: (world, _, n) => world.roster.freeze(n * 1_000),
  fill: (world) => {
    world.roster.full = true;
  },
  empty: (world) => {
    world.roster.full = false;
  },
};

const command = fc.record({
  fault: fc.constantFrom(...Object.keys(faults)),
  which: fc.nat(7),
  n: fc.nat(60),
});

test("whatever workers do, every lease ends up with a worker that is here, or is reported", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const world = new World();
      for (const worker of [1, 2, 3]) world.connect(worker);
      for (const { fault, which, n } of commands) {
        const connections = [...world.connections.values()];
        faults[fault]!(world, connections[which % connections.length] ?? world.connect(4), n);
        world.check();
      }
      recover(world);
      for (const [lease, key] of world.owners) {
        expect(world.connections.get(key)?.held, `${lease} at ${key}`).toContain(lease);
      }
      for (const key of world.joined) expect(world.connections.get(key)?.subscribed).toBe(true);
    }),
    { numRuns: 300 },
  );
});

/** The faults stop: everybody is connected, hears and beats, for as long as any grace lasts. */
function recover(world: World): void {
  world.roster.full = false;
  for (const connection of [...world.connections.values()]) {
    connection.deaf = false;
    connection.frozen = false;
    world.subscribe(connection);
  }
  for (let second = 0; second < 12; second++) {
    for (const connection of [...world.connections.values()]) world.heartbeat(connection);
    world.pass(1_000);
    world.check();
  }
}
