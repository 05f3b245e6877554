/** Leases: what a batch brings is run once, and answered under the lease that it came with. */
import { type Case, demand } from "../case.ts";
import { unknownHandler } from "../handlers.ts";
import { linesOf } from "../stage.ts";

export const leaseCases: readonly Case[] = [
  {
    name: "leases/opaque-and-returned-unchanged",
    clauses: ["R-49", "R-20"],
    protocols: ["2.0"],
    async run(stage) {
      const strange = `~"\\{[lease]}!/%00'$()#@_${"x".repeat(200)}`;
      const batch = stage.give([{ handler: "conformance.echo", leaseId: strange, attempt: 3, retryLimit: 5 }], {
        batchId: 'b"\\{}~',
      });
      const { item, message } = await stage.completed(batch);
      const { step_id, metadata } = item;
      demand(step_id === batch.steps[0]!.stepId, `step_id ${batch.steps[0]!.stepId}`, String(step_id), message);
      demand(message.json.batch_id === batch.batchId, `batch_id ${batch.batchId}`, message.json.batch_id, message);
      demand(
        metadata.attempt === undefined || metadata.attempt === 3,
        "attempt 3, or none",
        String(metadata.attempt),
        message,
      );
    },
  },
  {
    name: "leases/a-doubled-batch-runs-once",
    clauses: ["R-50", "R-65"],
    protocols: ["2.0"],
    async run(stage) {
      stage.rule((message) => (!message.isFromWorker && message.type === "batch" ? "double" : undefined));
      const file = stage.file();
      const step = { handler: "conformance.record", config: { file, ms: 300 } };
      const id = await stage.submit([
        { name: "one", ...step },
        { name: "two", ...step, depends_on: ["one"] },
      ]);
      await stage.completes(id);
      await stage.isWell();
      demand(linesOf(file).length === 2, "each step to run once", JSON.stringify(linesOf(file)));
    },
  },
  {
    name: "leases/the-same-lease-in-another-batch",
    clauses: ["R-50"],
    protocols: ["2.0"],
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const file = stage.file();
      const step = { handler: "conformance.record", config: { file, ms: 1_200 } };
      const batch = stage.give([step]);
      const { leaseId } = batch.steps[0]!;
      await stage.heartbeat("a heartbeat that lists the running lease", ({ leases }) => leases.includes(leaseId));
      stage.give([{ ...step, leaseId }], { batchId: batch.batchId });
      await stage.completed(batch);
      stage.give([{ ...step, leaseId }, { handler: "conformance.echo" }], { batchId: batch.batchId });
      await stage.isWell();
      const lines = linesOf(file);
      demand(lines.length === 1, "one run of a lease that is held, or in the outbox", `${lines.length} runs`);
      acksPass();
    },
  },
  {
    name: "leases/a-seq-that-it-has-seen",
    clauses: ["R-65"],
    protocols: ["2.0"],
    async run(stage) {
      const file = stage.file();
      const batch = stage.give([{ handler: "conformance.record", config: { file } }]);
      const lease = batch.steps[0]!.leaseId;
      await stage.completed(batch);
      await stage.heartbeat("a heartbeat without the lease", ({ leases }) => !leases.includes(lease), {
        from: stage.now,
      });
      stage.inject(batch.frame);
      await stage.isWell();
      await stage.heartbeat("a heartbeat", undefined, { from: stage.now });
      const lines = linesOf(file);
      demand(
        lines.length === 1,
        "a batch message that comes twice to be run once, acknowledged or not",
        `${lines.length} runs`,
      );
    },
  },
  {
    name: "leases/last-seq-confirms-batches",
    clauses: ["R-41", "R-65"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 1_500 } }]);
      await stage.heartbeat(`a heartbeat with last_seq ${batch.seq}`, ({ last_seq }) => last_seq === batch.seq);
      const next = stage.give([{ handler: "conformance.echo" }]);
      await stage.heartbeat(`a heartbeat with last_seq ${next.seq}`, ({ last_seq }) => last_seq === next.seq);
      await stage.completed(batch);
    },
  },
  {
    name: "leases/unknown-handler",
    clauses: ["R-25", "C-10"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([{ handler: unknownHandler }, { handler: "conformance.echo" }]);
      const lease = batch.steps[0]!.leaseId;
      await stage.completed(batch, 1);
      await stage.heard("a reject (unknown_handler), or a failed result, for the step without a handler", (message) => {
        const { said } = message;
        if (!message.isFromWorker || said instanceof Error) return false;
        if (said.type === "reject") return said.reason === "unknown_handler" && said.lease_ids.includes(lease);
        return stage.resultsOf(lease).some(({ item }) => item.status !== "completed");
      });
    },
  },
  {
    name: "leases/unknown-handler-fails",
    clauses: ["R-16"],
    protocols: ["1.0"],
    async run(stage) {
      const batch = stage.give([{ handler: unknownHandler }, { handler: "conformance.echo" }]);
      const { item, message } = await stage.result(batch, 0, { what: "a failed result, not silence," });
      demand(item.status !== "completed", "failed", item.status, message);
      await stage.completed(batch, 1);
    },
  },
  {
    name: "leases/a-step-that-cannot-be-read",
    clauses: ["R-30", "R-69", "R-73"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([
        { handler: "conformance.echo", context: { n: 1 } },
        { handler: "conformance.echo", rawContext: "[1]" },
        { handler: "conformance.echo", timeoutMs: '"soon"' },
        { handler: "conformance.echo", context: { n: 2 } },
      ]);
      await stage.completed(batch, 0);
      await stage.completed(batch, 3);
      for (const { leaseId } of [batch.steps[1]!, batch.steps[2]!]) {
        await stage.reject(
          `a reject (malformed) of ${leaseId}`,
          ({ reason, lease_ids }) => reason === "malformed" && lease_ids.includes(leaseId),
        );
      }
    },
  },
];
