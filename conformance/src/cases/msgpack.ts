/** MessagePack: negotiated, and then the same conversation in other bytes. */
import { parseLossless } from "@tasker/json";
import { type Case, demand } from "../case.ts";
import { isSame } from "../same-json.ts";
import { linesOf } from "../stage.ts";

const codec = "msgpack";
const common = { protocols: ["2.0"], codec, alone: true } as const;

export const msgpackCases: readonly Case[] = [
  {
    ...common,
    name: "msgpack/is-spoken-after-the-welcome",
    clauses: ["R-9", "R-85", "R-86", "R-88"],
    async run(stage) {
      const file = stage.file();
      const task = await stage.completes(
        await stage.submit([
          { name: "first", handler: "conformance.record", config: { file, ms: 1_500 } },
          { name: "second", handler: "conformance.echo", depends_on: ["first"] },
        ]),
      );
      demand(task.steps[0]!.attempt === 1 && linesOf(file).length === 1, "one run", JSON.stringify(linesOf(file)));
      await stage.heartbeat("a heartbeat", undefined, { from: stage.now });
      const said = stage.proxy.recording.messages.filter(({ isFromWorker }) => isFromWorker);
      for (const message of said) {
        const wanted = message.type === "hello" ? "JSON" : "MessagePack";
        const got = message.isMsgpack ? "MessagePack" : "JSON";
        demand(got === wanted, `${message.type} in ${wanted}`, got, message);
      }
    },
  },
  {
    ...common,
    name: "msgpack/payloads-stay-what-they-are",
    clauses: ["R-66", "R-67", "R-68", "R-89"],
    async run(stage) {
      const context =
        '{"id":9007199254740993,"big":123456789012345678901234567890,"text":"ü \\u0000 \\ud800 \\" 🚀","__proto__":{"x":1},"deep":[[[[[]]]]],"n":[0.1,-2.5e-7]}';
      const id = await stage.orchestrator.submitText([{ name: "echo", handler: "conformance.echo" }], context);
      await stage.completes(id);
      const { steps } = parseLossless(await stage.orchestrator.taskText(id)) as { steps: { output: unknown }[] };
      const got = steps[0]!.output;
      demand(
        isSame(got, parseLossless(context)),
        context,
        JSON.stringify(got, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
      );
    },
  },
  {
    ...common,
    name: "msgpack/json-is-taken-too",
    clauses: ["R-87"],
    async run(stage) {
      const acksPass = stage.withholdAcks();
      // The kit's own messages are JSON, whatever was agreed: as one that crossed the welcome.
      const batch = stage.give([{ handler: "conformance.echo", context: { n: 1 } }]);
      const { leaseId } = batch.steps[0]!;
      await stage.completed(batch);
      stage.tell("result_ack", { lease_ids: [leaseId] });
      await stage.heartbeat("a heartbeat without the lease", ({ leases }) => !leases.includes(leaseId), {
        from: stage.now,
      });
      acksPass();
    },
  },
  {
    ...common,
    name: "msgpack/not-a-message",
    clauses: ["R-70", "R-75", "R-90"],
    async run(stage) {
      const { session } = stage;
      for (const bytes of [
        [0x81],
        [0x81, 0xa4, 0x74, 0x79, 0x70, 0x65],
        [0x81, 0x01, 0x02],
        [0x81, 0xa1, 0x61, 0xc4, 0x01, 0x00],
        [0x81, 0xa1, 0x61, 0xc1],
        [0x80, 0x80],
        [0xdf, 0xff, 0xff, 0xff, 0xff],
        [0x81, 0xa1, 0x61, 0xdd, 0xff, 0xff, 0xff, 0xff],
        [0x81, 0xa1, 0x61, 0xd6, 0xff, 0, 0, 0, 0],
        [0x81, 0xa1, 0x61, 0xa1, 0xff],
        [0x81, 0xa1, 0x61, ...new Array(2_000).fill(0x91), 0xc0],
      ]) {
        stage.inject(Buffer.concat([Buffer.from(`@${session} `), Buffer.from(bytes)]));
      }
      await stage.isWell();
      demand(stage.worker.ending === null, "the worker to live on", "it ended");
      demand(stage.session === session, "the session to go on", `a new one, ${stage.session}`);
    },
  },
];
