/** Results, the outbox and acknowledgements. */
import { type Case, demand } from "../case.ts";
import { linesOf, type ResultSeen } from "../stage.ts";

export const resultCases: readonly Case[] = [
  {
    name: "results/as-each-step-ends",
    clauses: ["R-19", "R-36", "C-11"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([
        { handler: "conformance.sleep", config: { ms: 3_500 } },
        { handler: "conformance.echo", context: { n: 1 } },
        { handler: "conformance.echo", context: { n: 2 } },
      ]);
      const quick = [await stage.completed(batch, 1), await stage.completed(batch, 2)];
      const slow = await stage.completed(batch, 0);
      // Sent together they could still come in this order; what shows that they did not wait is a heartbeat between.
      const beats = stage.fromWorker("heartbeat").filter(({ number }) => number < slow.message.number);
      for (const { message } of quick) {
        demand(
          beats.some(({ number }) => number > message.number),
          "quick steps not to wait for the slow one of their batch, which takes 3.5 s",
          "no heartbeat between their results",
          message,
        );
      }
    },
  },
  {
    name: "results/after-the-work",
    clauses: ["R-52"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const file = stage.file();
      const ms = 700;
      const batch = stage.give([{ handler: "conformance.record", config: { file, ms } }]);
      const sentAt = performance.now();
      const { message } = await stage.completed(batch);
      const took = message.at - sentAt;
      demand(
        took >= ms - 50,
        `no result before the ${ms} ms of the handler are over`,
        `one after ${Math.round(took)} ms`,
        message,
      );
      demand(linesOf(file).length === 1, "one line of the handler in its file", JSON.stringify(linesOf(file)), message);
    },
  },
  {
    name: "results/sent-again-until-acknowledged",
    clauses: ["R-51", "R-52", "R-53"],
    protocols: ["2.0"],
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const batch = stage.give([
        { handler: "conformance.echo", context: { text: "ä \u2028 \ud83d\ude80", n: [1, 2.5, null] } },
        { handler: "conformance.fail", config: { kind: "permanent", message: "it is so", code: "so" } },
      ]);
      const lease = batch.steps[0]!.leaseId;
      await stage.heard("the result four times", () => stage.resultsOf(lease).length >= 4 || undefined, { ms: 25_000 });
      const sent = stage.resultsOf(lease);
      const gaps = sent.slice(1).map(({ message }, index) => message.at - sent[index]!.message.at);
      const shown = `${gaps.map(Math.round).join(", ")} ms`;
      demand(gaps[0]! > 1_000 * 0.8 * 0.5, "the first repetition after 1 s", shown, sent[1]!.message);
      demand(gaps[2]! > gaps[0]! * 1.5, "intervals that double", shown, sent[3]!.message);
      demandSame(sent);
      demandSame(stage.resultsOf(batch.steps[1]!.leaseId));
      // After a welcome the whole outbox is sent at once, whatever the interval has grown to by now (4 s and more).
      const { now } = stage;
      stage.tell("rehello", { reason: "unknown_session" });
      const welcome = await stage
        .heard("a welcome", ({ type }) => type === "welcome", { from: now })
        .then(() => stage.now);
      await stage.result(batch, 0, {
        from: welcome - 1,
        ms: 2_500,
        what: "the outbox at once after the welcome: the result",
      });
      acksPass();
      await stage.heartbeat(
        "a heartbeat that no longer lists the acknowledged lease",
        ({ leases }) => !leases.includes(lease),
        {
          from: stage.now,
          ms: 20_000,
        },
      );
      const acked = stage.resultsOf(lease).length;
      await stage.isWell();
      await stage.heartbeat("another heartbeat", undefined, { from: stage.now });
      await stage.heartbeat("another heartbeat", undefined, { from: stage.now });
      demand(
        stage.resultsOf(lease).length === acked,
        "nothing more once it is acknowledged",
        "the result again",
        stage.resultsOf(lease).at(-1)!.message,
      );
    },
  },
  {
    name: "results/acks-that-mean-nothing",
    clauses: ["R-51", "R-6", "R-5"],
    protocols: ["2.0"],
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const batch = stage.give([{ handler: "conformance.echo" }]);
      const lease = batch.steps[0]!.leaseId;
      stage.tell("result_ack", { lease_ids: ["batch_of_nobody.1"], timeout_ids: null });
      stage.tell("result_ack", { lease_ids: [], timeout_ids: ["batch_of_nobody.1", lease], note: { new: true } });
      const { message } = await stage.completed(batch);
      await stage.completed(batch, 0, {
        from: stage.messages.indexOf(message) + 1,
        what: "the result again, which nobody has acknowledged:",
      });
      acksPass();
      await stage.heartbeat("a heartbeat without the lease", ({ leases }) => !leases.includes(lease), {
        from: stage.now,
      });
      stage.tell("result_ack", { lease_ids: [lease], timeout_ids: [lease] });
      stage.tell("result_ack", { lease_ids: [lease] });
      await stage.isWell();
    },
  },
  {
    name: "results/lost-on-the-way",
    clauses: ["R-51", "R-52", "R-54"],
    protocols: ["2.0"],
    async run(stage) {
      let lost = 0;
      stage.rule((message) => (message.type === "results" && lost++ < 2 ? "drop" : undefined));
      const file = stage.file();
      const id = await stage.submit([{ name: "once", handler: "conformance.record", config: { file } }]);
      const task = await stage.completes(id, 30_000);
      demand(task.steps[0]!.attempt === 1, "one attempt", String(task.steps[0]!.attempt));
      demand(linesOf(file).length === 1, "one run of the handler", JSON.stringify(linesOf(file)));
    },
  },
  {
    name: "results/doubled-on-the-way",
    clauses: ["R-55"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      stage.rule(({ type }) => (type === "results" || type === "result_ack" ? "double" : undefined));
      const chain = ["a", "b", "c"].map((name, index, names) => ({
        name,
        handler: "conformance.echo",
        depends_on: names.slice(0, index).slice(-1),
      }));
      const task = await stage.completes(await stage.submit(chain));
      const attempts = task.steps.map(({ attempt }) => attempt);
      demand(
        attempts.every((attempt) => attempt === 1),
        "one attempt of each step",
        attempts.join(", "),
      );
    },
  },
];

function demandSame(sent: readonly ResultSeen[]): void {
  const [first, ...again] = sent;
  for (const { item, message } of again) {
    const same = (["status", "output", "error"] as const).every((member) => item[member] === first!.item[member]);
    const shown = `${item.status} ${item.output} ${item.error}`;
    demand(same, `${first!.item.status} ${first!.item.output} ${first!.item.error} in the same bytes`, shown, message);
  }
}
