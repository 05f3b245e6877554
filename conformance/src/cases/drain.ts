/** Drain: on SIGTERM, and on the orchestrator's word, a worker finishes what runs, takes nothing new, and leaves. */
import { type Case, demand } from "../case.ts";
import { linesOf, type Stage, saidOf } from "../stage.ts";

export const drainCases: readonly Case[] = [
  {
    name: "drain/sigterm-while-idle",
    clauses: ["R-61", "C-5"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      stage.worker.signal("SIGTERM");
      await leaves(stage);
    },
  },
  {
    name: "drain/sigterm-while-working",
    clauses: ["R-25", "R-61", "C-5"],
    protocols: ["2.0"],
    alone: true,
    run: (stage) => drainsWhileWorking(stage, () => stage.worker.signal("SIGTERM")),
  },
  {
    name: "drain/by-the-orchestrator",
    clauses: ["R-25", "R-61", "C-5"],
    protocols: ["2.0"],
    alone: true,
    run: (stage) => drainsWhileWorking(stage, () => stage.tell("drain", { reason: "drained by an operator" })),
  },
  {
    name: "drain/rejects-what-has-not-begun",
    clauses: ["R-25", "R-61"],
    protocols: ["2.0"],
    alone: true,
    concurrency: 1,
    async run(stage) {
      const [first, second] = [stage.file(), stage.file()];
      const batch = stage.give([
        { handler: "conformance.record", config: { file: first, ms: 2_000 } },
        { handler: "conformance.record", config: { file: second, ms: 2_000 } },
      ]);
      const lease = batch.steps[1]!.leaseId;
      await stage.heartbeat("a heartbeat that lists both leases", ({ leases }) => leases.includes(lease));
      const hadBegun = linesOf(second).length > 0;
      stage.worker.signal("SIGTERM");
      if (!hadBegun) {
        await stage.reject("a reject (draining) of the step that has not begun", ({ reason, lease_ids }) => {
          return reason === "draining" && lease_ids.includes(lease);
        });
      }
      await stage.completed(batch, 0);
      await leaves(stage);
      demand(hadBegun || linesOf(second).length === 0, "a rejected step never to run", "it ran");
    },
  },
  {
    name: "drain/waits-for-its-acks",
    clauses: ["R-51", "R-52", "R-61"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const batch = stage.give([{ handler: "conformance.echo" }]);
      const first = await stage.completed(batch);
      stage.worker.signal("SIGTERM");
      const again = await stage.completed(batch, 0, {
        from: stage.messages.indexOf(first.message) + 1,
        what: "the result again while it drains:",
      });
      demand(
        stage.fromWorker("bye").length === 0,
        "no bye before the ack",
        "a bye",
        stage.fromWorker("bye")[0] ?? null,
      );
      demand(stage.worker.ending === null, "the worker to wait for the ack", "it ended", again.message);
      acksPass();
      stage.tell("result_ack", { lease_ids: [batch.steps[0]!.leaseId] });
      await leaves(stage);
    },
  },
  {
    name: "drain/bye-names-the-last-batch",
    clauses: ["R-92", "C-11"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.echo" }]);
      await stage.completed(batch);
      stage.worker.signal("SIGTERM");
      const bye = await leaves(stage);
      const { last_seq } = bye.json;
      demand(last_seq === batch.seq, `a bye with last_seq ${batch.seq}`, String(last_seq), bye);
    },
  },
  {
    name: "drain/ends-on-sigterm",
    clauses: ["C-5"],
    protocols: ["1.0"],
    alone: true,
    async run(stage) {
      stage.worker.signal("SIGTERM");
      await stage.ended();
    },
  },
];

async function drainsWhileWorking(stage: Stage, drain: () => void): Promise<void> {
  const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 3_500 } }]);
  const lease = batch.steps[0]!.leaseId;
  await stage.heartbeat("a heartbeat that lists the lease", ({ leases }) => leases.includes(lease));
  drain();
  await stage.heartbeat("a heartbeat with capacity 0", ({ capacity }) => capacity === 0);
  const file = stage.file();
  const late = stage.give([{ handler: "conformance.record", config: { file } }]);
  await stage.reject("a reject (draining) of a batch that still came", ({ reason, lease_ids }) => {
    return reason === "draining" && lease_ids.includes(late.steps[0]!.leaseId);
  });
  await stage.heartbeat("heartbeats to go on while it drains", ({ leases }) => leases.includes(lease), {
    from: stage.now,
  });
  const { message } = await stage.completed(batch);
  const ack = await stage.heard("the ack of its result", (sent) => {
    return sent.type === "result_ack" && sent.json.lease_ids.includes(lease) && sent;
  });
  const bye = await leaves(stage);
  demand(bye.number > ack.number && bye.number > message.number, "bye after the last ack", "bye before it", bye);
  demand(linesOf(file).length === 0, "nothing new to run", "the batch that came late ran");
}

/** It says bye, last of all, and ends with 0. */
async function leaves(stage: Stage) {
  const bye = await stage.heard("a bye", (message) => saidOf(message, "bye") !== undefined && message);
  const { code, signal } = await stage.ended();
  demand(code === 0, "exit code 0", code === null ? `the signal ${signal}` : String(code), bye);
  return bye;
}
