/** Timeouts: the worker enforces them, and a handler that ends after all is still heard. */
import { type Case, demand } from "../case.ts";
import type { ResultSeen } from "../stage.ts";

const isTimeout = ({ item }: ResultSeen) => item.error_code === "timeout";
const isAnswer = (seen: ResultSeen) => !isTimeout(seen);

export const timeoutCases: readonly Case[] = [
  {
    name: "timeouts/reported-then-the-late-answer",
    clauses: ["R-57", "R-58", "C-11"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const batch = stage.give([
        { handler: "conformance.sleep", config: { ms: 2_500, stubborn: true }, timeoutMs: 500 },
      ]);
      const first = await stage.result(batch);
      demand(
        first.item.status !== "completed" && isTimeout(first),
        "failed, with error.code timeout",
        shown(first),
        first.message,
      );
      const late = await stage.completed(batch, 0, { wanted: isAnswer, what: "the late, real result" });
      demand(late.output?.slept_ms === 2_500, "the handler's output", late.item.output, late.message);
    },
  },
  {
    name: "timeouts/an-ack-of-the-timeout-is-not-one-of-the-answer",
    clauses: ["R-51", "R-58"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const batch = stage.give([
        { handler: "conformance.sleep", config: { ms: 1_500, stubborn: true }, timeoutMs: 400 },
      ]);
      const lease = batch.steps[0]!.leaseId;
      await stage.result(batch, 0, { wanted: isTimeout, what: "a timeout" });
      stage.tell("result_ack", { lease_ids: [], timeout_ids: [lease] });
      const late = await stage.completed(batch, 0, { wanted: isAnswer, what: "the late, real result" });
      stage.tell("result_ack", { lease_ids: [], timeout_ids: [lease] });
      await stage.completed(batch, 0, {
        wanted: isAnswer,
        from: stage.messages.indexOf(late.message) + 1,
        what: "the real result again, since only its timeout is acknowledged:",
      });
      const { heartbeat, message: beat } = await stage.heartbeat("a heartbeat", undefined, { from: stage.now });
      demand(heartbeat.leases.includes(lease), `leases with ${lease}`, JSON.stringify(heartbeat.leases), beat);
      acksPass();
      await stage.heartbeat("a heartbeat without the lease", ({ leases }) => !leases.includes(lease), {
        from: stage.now,
      });
    },
  },
  {
    name: "timeouts/of-a-handler-that-computes",
    clauses: ["R-36", "R-57"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.busy", config: { ms: 5_000 }, timeoutMs: 1_000 }]);
      const first = await stage.result(batch);
      demand(
        isTimeout(first),
        "failed, with error.code timeout, while the handler computes",
        shown(first),
        first.message,
      );
      await stage.completed(batch, 0, { wanted: isAnswer, what: "the late, real result" });
    },
  },
  {
    name: "timeouts/ask-the-handler-to-stop",
    clauses: ["R-57"],
    protocols: ["2.0"],
    alone: true,
    concurrency: 1,
    async run(stage) {
      // With one slot, the next step runs only once the handler has stopped.
      const batch = stage.give([{ handler: "conformance.sleep", config: { ms: 120_000 }, timeoutMs: 400 }]);
      const { message } = await stage.result(batch);
      demand(stage.resultsOf(batch.steps[0]!.leaseId).every(isTimeout), "a timeout", "something else", message);
      await stage.isWell();
      await stage.heartbeat("all capacity free again", ({ capacity }) => capacity === stage.concurrency, {
        from: stage.now,
      });
    },
  },
  {
    name: "timeouts/a-late-answer-settles-a-step-in-doubt",
    clauses: ["R-56", "R-57", "R-58"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const id = await stage.submit([
        {
          name: "pay",
          handler: "conformance.sleep",
          config: { ms: 2_500, stubborn: true },
          timeout: "500ms",
          on_lost: "hold",
          retry: { limit: 3 },
        },
      ]);
      const { task } = await stage.orchestrator.until(id, ({ steps }) => steps[0]!.status === "in_doubt", 10_000);
      demand(task.steps[0]!.status === "in_doubt", "the step in doubt after its timeout", task.steps[0]!.status);
      const { task: end } = await stage.orchestrator.until(id, ({ status }) => status === "completed", 15_000);
      demand(
        end.status === "completed",
        "the late answer to complete the task",
        `${end.status}, step ${end.steps[0]!.status}`,
      );
      demand(end.steps[0]!.attempt === 1, "one attempt", String(end.steps[0]!.attempt));
    },
  },
];

function shown({ item }: ResultSeen): string {
  return `${item.status} ${item.status === "completed" ? item.output : item.error}`;
}
