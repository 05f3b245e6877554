/** Messages that are wrong, or newer than the worker: it survives them, and they change nothing. */
import { readdirSync, readFileSync } from "node:fs";
import { type Case, demand } from "../case.ts";
import { linesOf } from "../stage.ts";

interface Vector {
  readonly name: string;
  readonly side: "orchestrator" | "worker";
  readonly frame?: string;
  readonly frame_base64?: string;
  readonly limits?: object;
  readonly expected: { readonly code: string; readonly item?: boolean };
}

/** The frames that every worker must refuse, made out to a topic of this one. */
const vectors = readVectors();

/** Names of the cases that are made from vectors. */
export const vectorCases: readonly string[] = vectors.map(({ file }) => `malformed/${file}`);

export const malformedCases: readonly Case[] = [
  ...vectors.map(
    ({ file, vector }): Case => ({
      name: `malformed/${file}`,
      clauses: ["R-70", "R-75"],
      protocols: ["2.0"],
      async run(stage) {
        const { session } = stage;
        stage.inject(addressed(vector, `@${session}`));
        await stage.isWell();
        const [reject] = stage.fromWorker("reject");
        demand(reject === undefined, "no answer to it", "a reject", reject);
        demand(stage.worker.ending === null, "the worker to live on", "it ended");
        demand(stage.session === session, "the session to go on", `a new one, ${stage.session}`);
        // The one asked for may come again, when its ack is slow.
        const batches = stage.fromWorker("results").map(({ json }) => json.batch_id);
        demand(new Set(batches).size === 1, "no result but the one asked for", batches.join(", "));
      },
    }),
  ),
  {
    name: "malformed/not-a-message",
    clauses: ["R-1", "R-67", "R-70", "R-75"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const topic = stage.protocol === "2.0" ? `@${stage.session}` : "steps";
      for (const payload of [
        "",
        "{",
        '{"batch_id":"b","protocol_version":"2.0","type":"batch","seq":1,"steps":[{"step_id":1',
        "null",
        "[]",
        '"text"',
        '{"a":NaN}',
        "{'a':1}",
        '{"type":5}',
        '{"steps":5}',
        `${"[".repeat(600)}${"]".repeat(600)}`,
        `{"a":${"[".repeat(100_000)}`,
        Buffer.from([0xff, 0xfe, 0x7b, 0x7d]),
        Buffer.from([0xed, 0xa0, 0x80]),
        Buffer.from('{"a":"\0"}'),
      ]) {
        stage.inject(Buffer.concat([Buffer.from(`${topic} `), Buffer.from(payload as string)]));
      }
      await stage.isWell();
      demand(stage.worker.ending === null, "the worker to live on", "it ended");
    },
  },
  {
    name: "malformed/several-frames",
    clauses: ["R-1"],
    protocols: ["2.0"],
    async run(stage) {
      const file = stage.file();
      const batch = stage.make([{ handler: "conformance.record", config: { file } }]);
      stage.inject(batch.frame, "and a second frame");
      await stage.isWell();
      demand(linesOf(file).length === 0, "a message of several frames to be dropped", "its step ran");
      demand(stage.resultsOf(batch.steps[0]!.leaseId).length === 0, "no result for it", "one");
    },
  },
  {
    name: "malformed/larger-than-the-limit",
    clauses: ["R-4", "R-70", "R-75"],
    protocols: ["2.0"],
    async run(stage) {
      const file = stage.file();
      const batch = stage.make([{ handler: "conformance.record", config: { file }, context: { text: "" } }]);
      const at = batch.frame.indexOf('"text":"') + '"text":"'.length;
      const filling = Buffer.alloc(17 * 1024 * 1024, "x");
      stage.inject(Buffer.concat([batch.frame.subarray(0, at), filling, batch.frame.subarray(at)]));
      await stage.isWell();
      demand(linesOf(file).length === 0, "a frame beyond 16 MiB to be refused", "its step ran");
      demand(stage.resultsOf(batch.steps[0]!.leaseId).length === 0, "no result for it", "one");
    },
  },
  {
    name: "malformed/another-version",
    clauses: ["R-8"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const file = stage.file();
      const step = { handler: "conformance.record", config: { file } };
      stage.give([step], { protocol: "3.0" });
      stage.give([step], { protocol: "2.1" });
      await stage.isWell();
      demand(linesOf(file).length === 0, "a batch of an unknown version to be refused", "its step ran");
    },
  },
  {
    name: "malformed/is-visible",
    clauses: ["R-72"],
    protocols: ["2.0"],
    async run(stage) {
      const said = stage.worker.said.length;
      stage.inject(`@${stage.session} {"type":"cancel"`);
      const seen = await stage.worker.says((text) => text.slice(said).includes("invalid_json"), 10_000);
      demand(
        seen,
        "a line on stdout or stderr that names the code invalid_json",
        JSON.stringify(stage.worker.said.slice(said)),
      );
    },
  },
  {
    name: "malformed/unknown-members-and-types",
    clauses: ["R-5", "R-6"],
    protocols: ["2.0"],
    async run(stage) {
      const { session } = stage;
      stage.tell("promote", { lease_ids: ["x"], to: { nested: [] } });
      stage.tell("ping", { load: 0.5 });
      const rawMembers = '"new_member":{"deep":[1]},"priority":null';
      const batch = stage.give(
        [{ handler: "conformance.echo", context: { n: 1 }, rawMembers: '"deadline":null,"labels":["a"]' }],
        { rawMembers },
      );
      await stage.completed(batch);
      demand(stage.session === session, "the session to go on", `a new one, ${stage.session}`);
    },
  },
  {
    name: "malformed/absent-and-null-are-one",
    clauses: ["R-6"],
    protocols: ["2.0"],
    async run(stage) {
      const acksPass = stage.withholdAcks();
      const [with_, without] = [
        stage.make([{ handler: "conformance.echo" }]),
        stage.make([{ handler: "conformance.echo" }]),
      ];
      stage.inject(with_.frame.toString().replace('"idempotency_key":', '"traceparent":null,"idempotency_key":'));
      stage.inject(without.frame);
      await stage.completed(with_);
      await stage.completed(without);
      const leases = [with_.steps[0]!.leaseId, without.steps[0]!.leaseId];
      stage.tell("result_ack", { lease_ids: [leases[0]], timeout_ids: null });
      stage.tell("result_ack", { lease_ids: [leases[1]] });
      await stage.heartbeat("both acks to count", (beat) => !beat.leases.some((lease) => leases.includes(lease)), {
        from: stage.now,
      });
      acksPass();
    },
  },
  {
    name: "malformed/of-duplicate-members-the-last-counts",
    clauses: ["R-7"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([
        {
          handler: "conformance.unknown",
          context: { n: 1 },
          rawMembers: '"handler_class":"conformance.echo","task_context":{"n":2}',
        },
      ]);
      const { output, item, message } = await stage.completed(batch);
      demand(output?.n === 2, '{"n":2}', item.output, message);
    },
  },
  {
    name: "malformed/integers-in-other-forms",
    clauses: ["R-76"],
    protocols: ["2.0"],
    async run(stage) {
      const batch = stage.give([{ handler: "conformance.echo", timeoutMs: "3.0e4", rawMembers: '"task_id":8127.0' }]);
      await stage.completed(batch);
    },
  },
];

function readVectors(): { file: string; vector: Vector }[] {
  const folder = new URL("../../../protocol/vectors/reject/", import.meta.url);
  return readdirSync(folder)
    .sort()
    .map((file) => ({
      file: file.replace(/\.json$/, ""),
      vector: JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Vector,
    }))
    .filter(({ vector }) => vector.side === "worker" && vector.limits === undefined && vector.expected.item !== true);
}

/** For this worker, and with steps that it could run if it took them. */
function addressed({ frame, frame_base64 }: Vector, topic: string): Buffer {
  const runnable = frame?.replaceAll("OrderFulfillment::StepHandlers::ShipOrderHandler", "conformance.echo");
  const bytes = runnable === undefined ? Buffer.from(frame_base64!, "base64") : Buffer.from(runnable);
  const end = bytes.indexOf(0x20);
  return end < 0 ? Buffer.from(`${topic} `) : Buffer.concat([Buffer.from(topic), bytes.subarray(end)]);
}
