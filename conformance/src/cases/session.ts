/** A session lives, is lost and is made anew; what the worker holds survives it. */
import { type Case, demand } from "../case.ts";
import type { Stage } from "../stage.ts";

/** R-35; earlier is wrong too, and a frame may be late by scheduling. */
const silenceMs = 4_000;
const slackMs = 1_000;

export const sessionCases: readonly Case[] = [
  {
    name: "session/stays-while-there-are-pings",
    clauses: ["R-35", "R-23"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const { session } = stage;
      let from = stage.now;
      for (let count = 0; count < 6; count++) {
        const { message } = await stage.heartbeat(`heartbeat ${count + 1} of an idle worker`, undefined, { from });
        demand(message.json.session === session, `the session ${session} to stay`, message.json.session, message);
        from = stage.messages.indexOf(message) + 1;
      }
    },
  },
  {
    name: "session/silence-makes-a-new-one",
    clauses: ["R-22", "R-31", "R-35", "R-51", "R-52", "R-53"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const file = stage.file();
      const batch = stage.give([
        { handler: "conformance.echo", context: { kept: "over the loss" } },
        { handler: "conformance.record", config: { file, ms: 9_000 } },
      ]);
      const before = await stage.completed(batch, 0);
      const { session, now } = stage;
      const cutAt = performance.now();
      stage.proxy.cut("worker");
      const { hello, message } = await newSession(stage, session, now);
      const after = message.at - cutAt;
      demand(
        after > silenceMs - slackMs,
        `a new session after ${silenceMs} ms of silence`,
        `${Math.round(after)} ms`,
        message,
      );
      const [done, running] = batch.steps.map(({ leaseId }) => leaseId);
      demand(
        hello.leases.includes(running!),
        `leases with ${running} (it runs)`,
        JSON.stringify(hello.leases),
        message,
      );
      demand(hello.outbox.includes(done!), `an outbox with ${done}`, JSON.stringify(hello.outbox), message);
      const again = await stage.completed(batch, 0, {
        from: stage.messages.indexOf(message) + 1,
        wanted: (seen) => seen.message.json.session === hello.session,
        what: "the kept result in the new session",
      });
      demand(
        again.item.output === before.item.output,
        `the same output, ${before.item.output}`,
        again.item.output,
        again.message,
      );
      acksPass();
      await stage.completed(batch, 1, { wanted: (seen) => seen.message.json.session === hello.session });
      await oldSocketsClosed(stage);
    },
  },
  {
    name: "session/one-direction-cut",
    clauses: ["R-35", "R-51", "R-22"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      // The orchestrator hears nothing more, gives the session up, and so falls silent itself.
      const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 1_000 } }]);
      const { session, now } = stage;
      stage.proxy.cut("orchestrator");
      const { hello, message } = await newSession(stage, session, now);
      const lease = batch.steps[0]!.leaseId;
      const held = [...hello.leases, ...hello.outbox];
      demand(held.includes(lease), `a hello that names ${lease}`, JSON.stringify(held), message);
      await stage.completed(batch, 0, { wanted: (seen) => seen.message.json.session === hello.session });
      await stage.isWell();
    },
  },
  {
    name: "session/connections-broken",
    clauses: ["R-51", "R-52", "R-36"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const end = stage.rule((message) => (message.type === "results" ? "drop" : undefined));
      const batch = stage.give([
        { handler: "conformance.echo" },
        { handler: "conformance.sleep", config: { ms: 3_000 } },
      ]);
      await stage.completed(batch, 0);
      stage.proxy.disconnect();
      end();
      const from = stage.now;
      await stage.completed(batch, 0, { from, what: "the lost result, again" });
      await stage.completed(batch, 1, { from });
      await stage.heard("the acks of both", ackOf(batch.steps[0]!.leaseId));
      await stage.heard("the acks of both", ackOf(batch.steps[1]!.leaseId));
    },
  },
  {
    name: "session/two-orchestrators",
    clauses: ["C-12"],
    protocols: ["2.0"],
    alone: true,
    startsWorker: true,
    async run(stage) {
      await stage.withSecondOrchestrator(async (second) => {
        await stage.heard("a welcome of the first", (message) => message.type === "welcome" && message);
        await stage.isWell();
        await second.isWell();
        const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 2_000 } }]);
        await second.orchestrator.kill();
        await stage.completed(batch);
        await stage.isWell();
      });
    },
  },
];

async function newSession(stage: Stage, old: string, from: number) {
  return await stage.hello("a hello of a new session", ({ session }) => session !== old, { from, ms: 20_000 });
}

/** The connections of the lost session are gone: else every loss would leave some behind. */
async function oldSocketsClosed(stage: Stage): Promise<void> {
  const { recording } = stage.proxy;
  const first = recording.notices.filter(({ kind }) => kind === "connected").slice(0, 2);
  const isClosed = (connection: number) =>
    recording.notices.some((notice) => notice.kind === "closed" && notice.connection === connection);
  const closed = await recording.until(() => first.every(({ connection }) => isClosed(connection)) || undefined, 5_000);
  demand(closed === true, "the connections of the lost session to be closed", "they are open");
}

function ackOf(lease: string) {
  return (message: { type: string; fate: string; json: { lease_ids: string[] } }) =>
    message.type === "result_ack" && message.fate === "passed" && message.json.lease_ids.includes(lease);
}
