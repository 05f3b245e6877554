/** Cancellation: steps that run are asked to stop, those that have not begun never do, and each gets a result. */
import { type Case, demand } from "../case.ts";
import { linesOf } from "../stage.ts";

export const cancelCases: readonly Case[] = [
  {
    name: "cancel/stops-a-running-step",
    clauses: ["R-60"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 120_000 }, timeoutMs: 300_000 }]);
      const { leaseId } = batch.steps[0]!;
      await stage.heartbeat("a heartbeat that lists the lease", ({ leases }) => leases.includes(leaseId));
      stage.tell("cancel", { lease_ids: [leaseId], reason: "task cancelled" });
      const { item, message } = await stage.result(batch, 0, { what: "a result after the cancel" });
      const got = `${item.status} ${item.error}`;
      demand(
        item.status !== "completed" && item.error_code === "cancelled",
        "failed, with error.code cancelled",
        got,
        message,
      );
    },
  },
  {
    name: "cancel/drops-what-has-not-begun",
    clauses: ["R-60"],
    protocols: ["2.0"],
    alone: true,
    concurrency: 1,
    async run(stage) {
      const [first, second] = [stage.file(), stage.file()];
      const batch = stage.give([
        { handler: "conformance.record", config: { file: first, ms: 2_500 } },
        { handler: "conformance.record", config: { file: second, ms: 60_000 } },
      ]);
      const lease = batch.steps[1]!.leaseId;
      await stage.heartbeat("a heartbeat that lists both leases", ({ leases }) => leases.includes(lease));
      const hadBegun = linesOf(second).length > 0;
      stage.tell("cancel", { lease_ids: [lease], reason: "task cancelled" });
      const { item, message } = await stage.result(batch, 1, { what: "a result after the cancel" });
      demand(
        item.error_code === "cancelled",
        "failed, with error.code cancelled",
        `${item.status} ${item.error}`,
        message,
      );
      await stage.completed(batch, 0);
      await stage.isWell();
      demand(hadBegun || linesOf(second).length === 0, "a step that had not begun never to begin", "it ran", message);
    },
  },
  {
    name: "cancel/of-leases-that-it-does-not-hold",
    clauses: ["R-60", "R-5"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 800 } }]);
      stage.tell("cancel", { lease_ids: ["batch_of_nobody.1"], reason: "task cancelled", new_member: [1] });
      stage.tell("cancel", { lease_ids: [], reason: "" });
      await stage.completed(batch);
      await stage.isWell();
      demand(stage.resultsOf("batch_of_nobody.1").length === 0, "no result for a lease that it does not hold", "one");
    },
  },
  {
    name: "cancel/a-handler-that-goes-on-is-heard",
    clauses: ["R-60"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 1_500, stubborn: true } }]);
      const { leaseId } = batch.steps[0]!;
      await stage.heartbeat("a heartbeat that lists the lease", ({ leases }) => leases.includes(leaseId));
      stage.tell("cancel", { lease_ids: [leaseId], reason: "task cancelled" });
      const { item, message } = await stage.result(batch, 0, { what: "a result after the cancel" });
      const isEither = item.status === "completed" || item.error_code === "cancelled";
      demand(isEither, "what the handler returned, or failed with cancelled", `${item.status} ${item.error}`, message);
    },
  },
  {
    name: "cancel/by-a-person",
    clauses: ["R-59", "R-60"],
    protocols: ["2.0"],
    async run(stage) {
      const id = await stage.submit([
        { name: "long", handler: "conformance.sleep", config: { ms: 120_000 }, timeout: "5m" },
      ]);
      const { lease } = await stage.heard("the batch", ({ isFromWorker, type, json }) => {
        return !isFromWorker && type === "batch" && { lease: json.steps[0].metadata.lease_id as string };
      });
      await stage.heartbeat("a heartbeat that lists the lease", ({ leases }) => leases.includes(lease));
      await stage.orchestrator.cancel(id);
      const results = await stage.heard("a result after the cancel", () => {
        const seen = stage.resultsOf(lease);
        return seen.length > 0 && seen;
      });
      const { item, message } = results[0]!;
      demand(
        item.error_code === "cancelled",
        "failed, with error.code cancelled",
        `${item.status} ${item.error}`,
        message,
      );
      const task = await stage.done(id);
      demand(task.status === "cancelled", "the task cancelled", task.status);
    },
  },
];
