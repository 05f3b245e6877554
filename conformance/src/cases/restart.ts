/** The orchestrator or the worker is killed and started again: nothing is lost, nothing is run or applied twice. */
import { type Case, demand } from "../case.ts";
import { linesOf } from "../stage.ts";

export const restartCases: readonly Case[] = [
  {
    name: "restart/of-the-orchestrator-while-a-step-runs",
    clauses: ["R-22", "R-37", "R-63", "R-64", "R-65"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const file = stage.file();
      const id = await stage.submit([
        { name: "long", handler: "conformance.record", config: { file, ms: 5_000 }, retry: { limit: 3 } },
        { name: "after", handler: "conformance.echo", depends_on: ["long"] },
      ]);
      const lease = await stage.heard(
        "the batch",
        ({ type, json }) => type === "batch" && String(json.steps[0].metadata.lease_id),
      );
      await stage.heartbeat("a heartbeat that lists the lease", ({ leases }) => leases.includes(lease));
      const { now } = stage;
      await stage.orchestrator.kill();
      await stage.orchestrator.start();
      const { hello, message } = await stage.hello("a hello to the new orchestrator", undefined, {
        from: now,
        ms: 20_000,
      });
      demand(
        [...hello.leases, ...hello.outbox].includes(lease),
        `a hello that names ${lease}`,
        JSON.stringify(hello.leases),
        message,
      );
      const task = await stage.completes(id, 30_000);
      demand(task.steps[0]!.attempt === 1, "one attempt", String(task.steps[0]!.attempt));
      demand(linesOf(file).length === 1, "one run of the handler", JSON.stringify(linesOf(file)));
    },
  },
  {
    name: "restart/of-the-orchestrator-with-a-result-on-its-way",
    clauses: ["R-22", "R-51", "R-52", "R-63"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const resultsPass = stage.rule((message) => (message.type === "results" ? "drop" : undefined));
      const file = stage.file();
      const id = await stage.submit([
        { name: "once", handler: "conformance.record", config: { file }, retry: { limit: 3 } },
      ]);
      await stage.heard("a result", (message) => message.isFromWorker && message.type === "results");
      await stage.orchestrator.kill();
      resultsPass();
      await stage.orchestrator.start();
      const task = await stage.completes(id, 30_000);
      demand(task.steps[0]!.attempt === 1, "one attempt", String(task.steps[0]!.attempt));
      demand(linesOf(file).length === 1, "one run of the handler", JSON.stringify(linesOf(file)));
    },
  },
  {
    name: "restart/of-the-orchestrator",
    clauses: ["R-10", "R-14"],
    protocols: ["1.0"],
    alone: true,
    async run(stage) {
      await stage.orchestrator.kill();
      await stage.orchestrator.start();
      await stage.completes(await stage.submit([{ name: "one", handler: "conformance.echo" }]), 30_000);
    },
  },
  {
    name: "restart/of-the-worker-by-its-own-handler",
    clauses: ["R-26", "R-31"],
    protocols: ["2.0"],
    alone: true,
    async run(stage) {
      const id = await stage.submit([
        {
          name: "poison",
          handler: "conformance.crash",
          config: { until_attempt: 2 },
          retry: { limit: 3, base: "100ms" },
        },
      ]);
      const { signal, code } = await stage.ended();
      demand(signal === "SIGKILL" || code === 137, "the handler to kill its process", `code ${code}, signal ${signal}`);
      await stage.startWorker();
      const task = await stage.completes(id, 30_000);
      demand(task.steps[0]!.attempt === 2, "the second attempt to complete", `attempt ${task.steps[0]!.attempt}`);
    },
  },
];
