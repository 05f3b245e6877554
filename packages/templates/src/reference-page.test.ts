import { readFileSync } from "node:fs";
import type { TaskerError } from "@tasker/engine";
import { describe, expect, test } from "vitest";
import { formatIssues, loadTemplate, templateDefaults } from "./index.ts";
import { environmentKeys, handlerKeys, type KeyTable, retryKeys, stepKeys, templateKeys } from "./keys.ts";
import { templateLimits } from "./limits.ts";

const page = readFileSync(new URL("../../../docs/reference/templates.md", import.meta.url), "utf8");
const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);

describe("docs/reference/templates.md", () => {
  test.each(examples.map((text) => [/^name: (.*)$/m.exec(text)![1], text]))("its example %s loads", (_name, text) => {
    for (const environment of [undefined, "development", "test"]) {
      expect(loadTemplate(text!, environment === undefined ? {} : { environment }).steps.length).toBeGreaterThan(0);
    }
  });

  test("it names every key", () => {
    const tables: KeyTable[] = [templateKeys, stepKeys, retryKeys, handlerKeys, environmentKeys];
    const keys = tables.flatMap((table) => [...table.spellings.keys(), ...table.ignored, ...table.later.keys()]);
    expect(keys.filter((key) => !new RegExp(`\`(handler\\.|retry\\.)?${key}(: \\w+)?\``).test(page))).toEqual([]);
  });

  test("it has the defaults and limits of the code", () => {
    const { retry, timeoutMs } = templateDefaults;
    expect(timeoutMs).toBe(5 * 60_000);
    expect(retry).toEqual({ limit: 3, backoff: "exponential", base_ms: 1000, max_ms: 30_000, jitter: 0.2 });
    const { documentBytes, yamlBytes, configBytes, schemaBytes, ...counts } = templateLimits;
    expect([documentBytes, yamlBytes, configBytes, schemaBytes].map((bytes) => bytes / 1024)).toEqual([
      8192, 4096, 256, 128,
    ]);
    for (const count of [
      counts.nesting,
      counts.aliasedValues,
      counts.steps,
      counts.handlerLength,
      counts.descriptionLength,
    ]) {
      expect(page).toContain(` ${count.toLocaleString("en")}`);
    }
  });

  test("its sample of an error is what the loader says", () => {
    const text = [
      "name: n",
      "steps:",
      "  - name: validate_order",
      "    handler: V",
      "",
      "  - name: process_payment",
      "    handler: P",
      "    timout: 5s",
      "    depends_on: [validate_odrer]",
      "    timeout: 30",
    ];
    let shown = "";
    try {
      loadTemplate(text.join("\n"), { file: "order.yaml" });
    } catch (error) {
      shown = formatIssues(error as TaskerError);
    }
    expect(page).toContain(shown);
    expect(shown).not.toBe("");
  });
});
