/** A worker comes: its subscription, its hello, and what it does until it is welcomed. */
import { type Case, CaseFailure, demand } from "../case.ts";
import { requiredHandlers, unknownHandler } from "../handlers.ts";
import type { Message } from "../proxy/message.ts";
import type { Stage } from "../stage.ts";

/** Scheduling may delay a frame that is timed, and so shorten the time to the next one. */
const earliest = 0.5;

export const helloCases: readonly Case[] = [
  {
    name: "hello/says-who-it-is",
    clauses: ["R-8", "R-9", "R-22", "R-31", "C-2", "C-4", "C-9", "C-10"],
    protocols: ["2.0"],
    alone: true,
    startsWorker: true,
    concurrency: 7,
    async run(stage) {
      await stage.startWorker();
      const { hello, message } = await stage.hello("a hello");
      const { session, worker_id, protocols, codecs, pool, handlers, capacity, leases, outbox } = hello;
      const is = (what: string, got: unknown, expected: unknown) =>
        demand(got === expected, `${what} ${JSON.stringify(expected)}`, JSON.stringify(got), message);
      is("worker_id", worker_id, stage.workerId);
      is("pool", pool, "default");
      is("capacity", capacity, stage.concurrency);
      is("leases in number", leases.length, 0);
      is("results in the outbox", outbox.length, 0);
      demand(
        session.startsWith(`${worker_id}-`) && /^[0-9a-f]{8}$/.test(session.slice(worker_id.length + 1)),
        `a session of ${worker_id}, "-" and 8 lower-case hexadecimal digits`,
        session,
        message,
      );
      demand(protocols.includes("2.0"), 'protocols with "2.0"', JSON.stringify(protocols), message);
      demand(codecs.includes("json"), 'codecs with "json"', JSON.stringify(codecs), message);
      const missing = requiredHandlers["2.0"].filter((name) => !handlers.includes(name));
      demand(missing.length === 0, "every required handler", `no ${missing.join(", ")}`, message);
      demand(!handlers.includes(unknownHandler), `no handler ${unknownHandler}`, "it is offered", message);
    },
  },
  {
    name: "hello/subscribes-to-its-session-with-the-space",
    clauses: ["R-2", "R-31"],
    protocols: ["2.0"],
    alone: true,
    startsWorker: true,
    async run(stage) {
      stage.launch();
      const { hello } = await stage.hello("a hello", undefined, { ms: 30_000 });
      const topics = stage.proxy.recording.notices
        .filter(({ kind, socket }) => kind === "subscribed" && socket === "steps")
        .map(({ topic }) => topic);
      const wanted = `@${hello.session} `;
      demand(
        topics.length === 1 && topics[0] === wanted,
        `one subscription, to ${JSON.stringify(wanted)}`,
        JSON.stringify(topics),
      );
    },
  },
  {
    name: "hello/repeats-until-welcomed",
    clauses: ["R-32"],
    protocols: ["2.0"],
    alone: true,
    startsWorker: true,
    async run(stage) {
      const welcomesPass = holdWelcomes(stage);
      stage.launch();
      const hellos: Message[] = [];
      const sessions: string[] = [];
      let from = 0;
      // The orchestrator asks once itself, when the subscription is granted; what is timed begins after that.
      for (let count = 0; count < 5; count++) {
        const { message, hello } = await stage.hello(`hello number ${count + 1} while there is no welcome`, undefined, {
          from,
          ms: 30_000,
        });
        hellos.push(message);
        sessions.push(hello.session);
        from = stage.messages.indexOf(message) + 1;
      }
      // A new session every 4 s of silence brings hellos as well: those are not repetitions.
      const first = sessions.slice(0, 3);
      demand(
        new Set(first).size === 1,
        "the hello again, of the same session",
        `sessions ${first.join(", ")}`,
        hellos[1],
      );
      const gaps = hellos.slice(1).map((message, index) => message.at - hellos[index]!.at);
      const last = gaps.at(-1)!;
      // Three of the intervals, whether the orchestrator's question brought the second hello or not.
      const whole = gaps.slice(1).reduce((sum, gap) => sum + gap, 0);
      demand(
        whole > (250 + 500 + 1_000) * 0.8 * earliest && last > 250 * 0.8 * earliest,
        "hellos at growing intervals from 250 ms",
        `intervals of ${gaps.map(Math.round).join(", ")} ms`,
        hellos.at(-1)!,
      );
      demand(last > gaps[1]! * earliest, "growing intervals", gaps.map(Math.round).join(", "), hellos.at(-1)!);
      welcomesPass();
      await stage.heartbeat("a heartbeat after the welcome");
      await stage.isWell();
    },
  },
  {
    name: "hello/runs-a-batch-that-comes-before-the-welcome",
    clauses: ["R-33"],
    protocols: ["2.0"],
    alone: true,
    startsWorker: true,
    async run(stage) {
      const welcomesPass = holdWelcomes(stage);
      stage.launch();
      await stage.hello("a hello", undefined, { ms: 30_000 });
      const file = stage.file();
      const batch = stage.give([{ handler: "conformance.record", config: { file } }]);
      // With the next hello it names the lease: it has the batch, whether it runs or is done.
      const lease = batch.steps[0]!.leaseId;
      await stage.hello("a hello that names the lease", ({ leases, outbox }) => [...leases, ...outbox].includes(lease));
      welcomesPass();
      await stage.completed(batch);
    },
  },
  {
    name: "hello/again-when-asked",
    clauses: ["R-22", "R-37", "R-5"],
    protocols: ["2.0"],
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const batch = stage.give([
        { handler: "conformance.sleep", config: { ms: 2_500 } },
        { handler: "conformance.echo" },
      ]);
      await stage.completed(batch, 1);
      const { now } = stage;
      const [running, done] = batch.steps.map(({ leaseId }) => leaseId);
      stage.tell("rehello", { reason: "unknown_session" });
      const { hello, message } = await stage.hello("a hello after the rehello", undefined, { from: now });
      const { leases, outbox } = hello;
      demand(leases.includes(running!), `leases with ${running} (it runs)`, JSON.stringify(leases), message);
      demand(outbox.includes(done!), `an outbox with ${done} (not acknowledged)`, JSON.stringify(outbox), message);
      demand(!leases.includes(done!), `leases without ${done} (it is done)`, JSON.stringify(leases), message);
      acksPass();
      await stage.completed(batch, 0);
    },
  },
  {
    name: "hello/of-a-version-that-is-refused",
    clauses: ["R-9", "R-34", "C-6"],
    protocols: ["2.0"],
    alone: true,
    startsWorker: true,
    async run(stage) {
      // The orchestrator is real, so what it refuses is a worker of another version: as this one's hello now says.
      stage.rule((message) => {
        if (!message.isFromWorker || message.type !== "hello") return undefined;
        return Buffer.from(`worker ${JSON.stringify({ ...message.json, protocols: ["3.0"] })}`);
      });
      const worker = stage.launch();
      const refuse = await stage.heard(
        "a refuse of the orchestrator",
        (message) => message.type === "refuse" && message,
        {
          ms: 30_000,
        },
      );
      await endsRefused(stage, worker, "protocol_version", refuse);
    },
  },
  {
    name: "hello/of-a-worker-id-that-is-taken",
    clauses: ["R-34", "R-37", "R-43", "C-6"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const first = stage.session;
      const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 6_000 } }]);
      const second = stage.launch();
      const refuse = await stage.heard(
        "a refuse of the second worker",
        (message) => message.type === "refuse" && message,
        {
          ms: 30_000,
        },
      );
      demand(refuse.topic !== `@${first}`, "the second worker to be refused", "the first one was", refuse);
      await endsRefused(stage, second, "duplicate_worker_id", refuse);
      const { message } = await stage.completed(batch);
      demand(message.json.session === first, `the first session, ${first}, to go on`, message.json.session, message);
    },
  },
];

function holdWelcomes(stage: Stage): () => void {
  return stage.rule((message) => (!message.isFromWorker && message.type === "welcome" ? "drop" : undefined));
}

/** It ends, with another code than 0, says why, and does not say hello again. */
async function endsRefused(stage: Stage, worker: Stage["worker"], reason: string, refuse: Message): Promise<void> {
  const { code } = await stage.ended(undefined, worker);
  demand(code !== 0, "an exit code other than 0 after a refuse", "0", refuse);
  demand(
    worker.said.includes(reason),
    `what it wrote to show ${reason}`,
    JSON.stringify(worker.said.slice(-300)),
    refuse,
  );
  const again = stage.messages.find(
    (message) =>
      message.number > refuse.number && message.type === "hello" && `@${message.json.session}` === refuse.topic,
  );
  if (again !== undefined && again.at > refuse.at + 1_000) {
    throw new CaseFailure("no hello of the refused session", "one more", again);
  }
}
