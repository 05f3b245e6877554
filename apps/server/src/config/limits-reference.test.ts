import { readFileSync } from "node:fs";
import { defaultEngineSettings } from "@tasker/engine";
import { defaultZeromqLimits } from "@tasker/executors";
import { defaultHttpLimits } from "@tasker/http-api";
import { defaultLimits } from "@tasker/protocol";
import { templateLimits } from "@tasker/templates";
import { expect, it } from "vitest";
import { documentedLimits, limitsReference } from "./limits-reference.ts";

it("is the page docs/reference/limits.md; `npm run reference` writes it", () => {
  const page = new URL("../../../../docs/reference/limits.md", import.meta.url);
  expect(readFileSync(page, "utf8")).toBe(limitsReference());
});

it("has every limit of the code", () => {
  const tables = {
    http: defaultHttpLimits,
    engine: defaultEngineSettings,
    zeromq: defaultZeromqLimits,
    protocol: defaultLimits,
    template: templateLimits,
  };
  // Durations and switches, which bound nothing that comes from outside.
  const noLimits = ["http.streamHeartbeatMs", "engine.leaseGraceMs", "engine.timeoutSlackMs", "engine.traceSteps"];
  const names = Object.entries(tables).flatMap(([part, table]) => Object.keys(table).map((name) => `${part}.${name}`));
  expect(names.filter((name) => !documentedLimits.includes(name)).sort()).toEqual(noLimits.sort());
});
