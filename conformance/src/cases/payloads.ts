/** Payloads reach handlers, and come back, as the JSON values that they are. */
import { parseLossless, stringifyLossless } from "@tasker/json";
import { type Case, demand } from "../case.ts";
import { isSame } from "../same-json.ts";
import type { Stage } from "../stage.ts";

const echoed: readonly { readonly what: string; readonly clauses: readonly string[]; readonly json: string }[] = [
  { what: "empty", clauses: ["R-69"], json: "{}" },
  {
    what: "empty-values",
    clauses: ["R-66"],
    json: '{"":"","array":[],"object":{},"null":null,"nested":[[],[{}],[null,false,true,0,""]]}',
  },
  {
    what: "64-bit-integers",
    clauses: ["R-66", "C-11"],
    json: '{"order_id":9007199254740993,"min":-9223372036854775808,"max":9223372036854775807,"u64":18446744073709551615,"list":[9007199254740993,1]}',
  },
  {
    what: "larger-integers",
    clauses: ["R-66", "C-11"],
    json: '{"sum":123456789012345678901234567890,"negative":-123456789012345678901234567890}',
  },
  {
    what: "numbers",
    clauses: ["R-66"],
    json: '{"fraction":0.1,"small":5e-324,"large":1.7976931348623157e308,"negative":-2.5,"thousand":1000}',
  },
  {
    what: "unicode",
    clauses: ["R-66"],
    json: JSON.stringify({
      "grüße 🚀": '日本語 עברית e\u0301 \u2028\u2029 \u{10ffff} \ufeff \u007f \\ " /',
      "": "\ue000\ufffd",
    }),
  },
  { what: "control-characters", clauses: ["R-67"], json: '{"text":"\\u0000\\u0001\\t\\n\\r\\u001f","\\u0000key":1}' },
  { what: "lone-surrogates", clauses: ["R-67"], json: '{"high":"a\\ud800b","low":"\\udc00","\\udfffkey":1}' },
  {
    what: "names-of-the-language",
    clauses: ["R-68"],
    json: '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":null,"class":"x","__class__":2,"json_class":"String","^o":"Object","self":3}',
  },
  { what: "deep", clauses: ["R-70"], json: `{"deep":${"[".repeat(400)}${"]".repeat(400)}}` },
  {
    what: "text-that-looks-like-a-message",
    clauses: ["R-66"],
    json: '{"text":"results {\\"batch_id\\":1}","type":"drain","lease_id":"x"}',
  },
];

export const payloadCases: readonly Case[] = [
  ...echoed.map(
    ({ what, clauses, json }): Case => ({
      name: `payloads/${what}`,
      clauses,
      // For a plain worker only what the specification itself demands.
      protocols: clauses.includes("C-11") || what === "lone-surrogates" ? ["2.0"] : ["1.0", "2.0"],
      async run(stage) {
        const { output, item, message } = await stage.completed(
          stage.give([{ handler: "conformance.echo", rawContext: json }]),
        );
        demand(isSame(output, parseLossless(json)), json, item.output, message);
        await isUnpolluted(stage);
      },
    }),
  ),
  {
    name: "payloads/integers-through-the-values-of-the-language",
    clauses: ["R-66", "C-11"],
    protocols: ["2.0"],
    async run(stage) {
      const rawConfig = '{"id":9007199254740993,"max":18446744073709551615,"list":[{"n":-9223372036854775808}]}';
      const previousResults = { before: { id: 9007199254740995n, __proto__x: 1 } };
      const { output, item, message } = await stage.completed(
        stage.give([{ handler: "conformance.inspect", rawConfig, previousResults }]),
      );
      demand(isSame(output?.config, parseLossless(rawConfig)), rawConfig, item.output, message);
      const wanted = stringifyLossless(previousResults)!;
      demand(isSame(output?.previous_results, parseLossless(wanted)), wanted, item.output, message);
    },
  },
  {
    name: "payloads/what-a-handler-sees",
    clauses: ["R-12", "R-49", "R-68"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const config = { a: [1, { b: null }], text: "ü" };
      const previousResults = { validate_order: { status: "approved" }, empty: null, list: [1, 2] };
      const spec = { handler: "conformance.inspect", config, previousResults, retryLimit: 2 };
      const key = "0190f3c2:ship_order";
      const batch = stage.give([
        { ...spec, attempt: 1, idempotencyKey: key },
        { ...spec, attempt: 3, idempotencyKey: key },
      ]);
      const plain = stage.protocol === "1.0" ? {} : { idempotency_key: key };
      for (const [index, attempt] of [1, 3].entries()) {
        const { output, item, message } = await stage.completed(batch, index);
        const bounds = { attempt, max_attempts: 3, is_last_attempt: attempt === 3 };
        const wanted = { ...bounds, ...plain, config, previous_results: previousResults };
        for (const [member, value] of Object.entries(wanted)) {
          demand(isSame(output?.[member], value), `${member} ${JSON.stringify(value)}`, item.output, message);
        }
      }
    },
  },
  {
    name: "payloads/of-a-whole-task",
    clauses: ["R-11", "R-66"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const context = { order_id: 12345, note: "grüße 🚀" };
      const id = await stage.submit(
        [
          { name: "first", handler: "conformance.echo" },
          { name: "second", handler: "conformance.inspect", depends_on: ["first"], config: { n: 1.5 } },
        ],
        context,
      );
      const task = await stage.completes(id, 20_000);
      const [first, second] = task.steps;
      demand(isSame(first!.output, context), JSON.stringify(context), JSON.stringify(first!.output));
      const seen = second!.output as { previous_results: { first: unknown }; config: unknown };
      demand(isSame(seen.previous_results.first, context), "the first step's output", JSON.stringify(seen));
      demand(isSame(seen.config, { n: 1.5 }), '{"n":1.5}', JSON.stringify(seen));
    },
  },
  {
    name: "payloads/several-megabytes",
    clauses: ["R-4", "R-70"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const text = "ä".repeat(1_900_000);
      const { output, message } = await stage.completed(
        stage.give([{ handler: "conformance.echo", context: { text } }]),
        0,
        { ms: 30_000 },
      );
      demand(output?.text === text, "3.8 MB as they were", `${output?.text?.length} characters`, message);
    },
  },
  {
    name: "payloads/many-steps-at-once",
    clauses: ["R-19", "R-46", "R-47"],
    protocols: ["1.0", "2.0"],
    async run(stage) {
      const fan = Array.from({ length: 30 }, (_, index) => ({
        name: `part_${index}`,
        handler: "conformance.echo",
        depends_on: ["start"],
      }));
      const join = { name: "join", handler: "conformance.inspect", depends_on: fan.map(({ name }) => name) };
      const task = await stage.completes(
        await stage.submit([{ name: "start", handler: "conformance.echo" }, ...fan, join], { n: 1 }),
        30_000,
      );
      const seen = task.steps.at(-1)!.output as { previous_results: Record<string, unknown> };
      const parts = Object.keys(seen.previous_results).filter((name) => name.startsWith("part_"));
      demand(parts.length === 30, "30 previous results", JSON.stringify(seen));
    },
  },
];

/** A later step of the same worker must see nothing of what an earlier one's member names did. */
async function isUnpolluted(stage: Stage): Promise<void> {
  const { output, item, message } = await stage.completed(stage.give([{ handler: "conformance.inspect" }]));
  const isClean = output !== null && !("polluted" in output) && !item.output.includes("polluted");
  demand(isClean && isSame(output?.config, {}), "an untouched step after it", item.output, message);
}
