/** Heartbeats: they go on whatever a handler does, and say what is held, what is free and how far it is. */
import { type Case, demand } from "../case.ts";
import { saidOf } from "../stage.ts";

export const heartbeatCases: readonly Case[] = [
  {
    name: "heartbeats/go-on-while-a-handler-is-busy",
    clauses: ["R-23", "R-24", "R-36"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.busy", config: { ms: 5_000 } }]);
      const lease = batch.steps[0]!.leaseId;
      const { message } = await stage.completed(batch);
      const beats = stage
        .fromWorker("heartbeat")
        .filter(({ number, json }) => number < message.number && json.leases.includes(lease));
      demand(
        beats.length >= 3,
        "about 5 heartbeats that list the lease during 5 s of computing",
        `${beats.length}`,
        message,
      );
    },
  },
  {
    name: "heartbeats/a-busy-handler-delays-no-result-or-ack",
    clauses: ["R-36", "R-19", "R-51"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const batch = stage.give([
        { handler: "conformance.echo" },
        { handler: "conformance.busy", config: { ms: 6_000 } },
      ]);
      const [quick, busy] = batch.steps.map(({ leaseId }) => leaseId);
      const first = await stage.completed(batch, 0);
      demand(
        stage.resultsOf(busy!).length === 0,
        "the quick result before the busy handler ends",
        "it waited",
        first.message,
      );
      await stage.completed(batch, 0, {
        from: stage.messages.indexOf(first.message) + 1,
        what: "the result again, meanwhile:",
      });
      acksPass();
      await stage.heartbeat("a heartbeat without the acknowledged lease", ({ leases }) => !leases.includes(quick!), {
        from: stage.now,
      });
      const { message } = await stage.completed(batch, 1);
      const beat = stage
        .fromWorker("heartbeat")
        .find(({ json }) => json.leases.includes(busy) && !json.leases.includes(quick));
      demand(
        beat !== undefined && beat.number < message.number,
        "the resend and its ack to be dealt with while the handler computes",
        "they waited for it",
        message,
      );
    },
  },
  {
    name: "heartbeats/as-often-as-the-welcome-says",
    clauses: ["R-23"],
    protocols: ["2.0"],
    alone: true,
    startsWorker: true,
    async run(stage) {
      stage.rule((message) => {
        if (message.isFromWorker || message.type !== "welcome") return undefined;
        return Buffer.from(`${message.topic} ${JSON.stringify({ ...message.json, heartbeat_ms: 100 })}`);
      });
      stage.launch();
      await stage.heartbeat("a heartbeat", undefined, { ms: 30_000 });
      // 30 at 100 ms are 3 s; at the default of 1 s they would be 30.
      await stage.heard("30 heartbeats at 100 ms", () => stage.fromWorker("heartbeat").length >= 30 || undefined);
    },
  },
  {
    name: "heartbeats/list-what-is-held",
    clauses: ["R-22", "R-24"],
    protocols: ["2.0"],
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const batch = stage.give([
        { handler: "conformance.sleep", config: { ms: 1_800 } },
        { handler: "conformance.echo" },
      ]);
      const [running, done] = batch.steps.map(({ leaseId }) => leaseId);
      await stage.heartbeat(
        "a heartbeat with the running lease and the one in the outbox",
        ({ leases }) => leases.includes(running!) && leases.includes(done!),
      );
      acksPass();
      await stage.completed(batch, 0);
    },
  },
  {
    name: "heartbeats/carry-progress",
    clauses: ["R-23", "R-66"],
    protocols: ["2.0"],
    needs: ["conformance.progress"],
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.progress", config: { count: 30, interval_ms: 100 } }]);
      const lease = batch.steps[0]!.leaseId;
      const { item, output, message } = await stage.completed(batch);
      demand(output?.done === 30, '{"done":30}', item.output, message);
      const seen = stage.fromWorker("heartbeat").flatMap((beat) => {
        const report = saidOf(beat, "heartbeat")?.progress.find(({ lease_id }) => lease_id === lease);
        return report === undefined ? [] : [JSON.parse(report.progress) as { done: number; of: number }];
      });
      demand(seen.length >= 2, "progress in at least two heartbeats", `${seen.length}`, message);
      const rises = seen.every(({ done, of }, index) => of === 30 && (index === 0 || done > seen[index - 1]!.done));
      demand(rises, "progress that rises", JSON.stringify(seen), message);
    },
  },
  {
    name: "heartbeats/capacity-falls-with-a-handler-that-does-not-end",
    clauses: ["R-48", "C-11"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const batch = stage.give([
        { handler: "conformance.sleep", config: { ms: 4_000, stubborn: true }, timeoutMs: 500 },
      ]);
      await stage.result(batch);
      const lower = ({ capacity }: { capacity: number }) => capacity === stage.concurrency - 1;
      await stage.heartbeat(`a heartbeat with capacity ${stage.concurrency - 1}`, lower);
      await stage.heartbeat(
        `capacity ${stage.concurrency} again, once it has ended`,
        ({ capacity }) => capacity === stage.concurrency,
        { from: stage.now },
      );
      await stage.isWell();
    },
  },
];
