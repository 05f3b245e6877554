import { expect, test } from "vitest";
import { filterLog, jsonLinesLogger, withFields } from "./log.ts";

test("writes one JSON line for each event that is grave enough, with all fields", () => {
  const lines: string[] = [];
  const log = withFields(
    filterLog(
      jsonLinesLogger((line) => lines.push(line)),
      "warn",
    ),
    { worker: "w1" },
  );
  log.debug("step.started");
  log.info("session.ready");
  log.warn("step.failed", { step: "ship_order", attempt: 2 });
  log.error("session.refused");
  expect(lines.every((line) => line.endsWith("\n"))).toBe(true);
  const [first, second] = lines.map((line) => JSON.parse(line));
  expect(lines).toHaveLength(2);
  expect(first).toMatchObject({ level: "warn", event: "step.failed", worker: "w1", step: "ship_order", attempt: 2 });
  expect(new Date(first.at).toISOString()).toBe(first.at);
  expect(second).toMatchObject({ level: "error", event: "session.refused", worker: "w1" });
});
