/** Payloads come back byte for byte. */
import { describe, expect, test } from "vitest";
import { stepRow, taskRow, templateRow, turn, uuidOf } from "./rows.ts";
import type { Subject } from "./store-conformance.ts";

export const texts: readonly [string, string][] = [
  ["an integer beyond 2^53", '{"id": 9007199254740993}'],
  ["numbers in odd forms", "[1.0, 1e400, -0, 0.10, 123456789012345678901234567890]"],
  ["white space and the order of keys", '{ "b" : 1,\n\t"a":2 }'],
  ["duplicate keys and __proto__", '{"a":1,"a":2,"__proto__":{"x":1}}'],
  ["escapes, NUL and lone surrogates", '"\\u0000 \\ud800 \\/ \\u00e9"'],
  ["text of every plane", '"é € 漢 𝒳 😀"'],
  ["a raw NUL", '"a\u0000b"'],
  ["JSON null", "null"],
  ["a text that looks like a number", "12345678901234567890"],
  ["a megabyte", `"${"x".repeat(1024 * 1024)}"`],
];

export function payloadCases(subject: Subject): void {
  describe("payloads", () => {
    test.each(texts)("gives back %s unchanged", async (_, text) => {
      const { store, queries } = subject;
      await store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [taskRow(1, { context: text, idempotencyKey: "key" })],
          stepWrites: [{ guard: null, row: stepRow(1, 1, { state: "completed", output: text, error: text }) }],
        }),
      );
      const { contexts, outputs } = await store.payloads({ taskIds: [1], stepIds: [1], checkpointsOf: [] });
      expect(contexts.get(1)).toBe(text);
      expect(outputs.get(1)).toBe(text);
      expect((await store.tasksByIdempotencyKey(["key"]))[0]?.context).toBe(text);
      const task = await queries.task(uuidOf(1));
      expect(task?.context).toBe(text);
      expect(task?.steps[0]).toMatchObject({ output: text, error: text });
    });

    test("leaves out what does not exist", async () => {
      const { store } = subject;
      await store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [taskRow(1)],
          stepWrites: [{ guard: null, row: stepRow(1, 1) }],
        }),
      );
      const { contexts, outputs, checkpoints } = await store.payloads({
        taskIds: [1, 2],
        stepIds: [1, 2],
        checkpointsOf: [1],
      });
      expect([...contexts.keys()]).toEqual([1]);
      expect([...outputs.keys()]).toEqual([]);
      expect([...checkpoints.keys()]).toEqual([]);
    });

    test("keeps a template's document as it was", async () => {
      const template = templateRow(1, {
        description: "é 😀",
        input_schema: { type: "object", properties: { a: { const: null } } },
      });
      await subject.store.commit(turn({ newTemplates: [template] }));
      expect(await subject.store.templates()).toEqual([template]);
      const { name, namespace, version } = template.template;
      expect(await subject.queries.template(namespace, name, version)).toMatchObject({
        template: template.template,
        source: template.source,
      });
    });
  });
}
