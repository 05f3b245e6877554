import { runHandler } from "@tasker/worker/testing";
import { expect, test } from "vitest";
import { replayAt } from "./replay.ts";

const config = { runtime_s: 12.5, program: "mProject" };

test("takes the recorded time, times the factor", async () => {
  const { output } = await runHandler(replayAt(0.001), { config, stepName: "mProject_ID0000001" });
  expect(output).toMatchObject({ task: "mProject_ID0000001", runtime_s: 12.5 });
  expect(output.waited_ms).toBeGreaterThanOrEqual(11);
});

test("ends early when its task is cancelled", async () => {
  const signal = AbortSignal.timeout(5);
  const { error } = await runHandler(replayAt(1_000), { config, signal });
  expect(error?.code).toBe("cancelled");
});

test("refuses a factor that is not a number", () => {
  expect(() => replayAt(Number("fast"))).toThrow("REPLAY_FACTOR: expected a number from 0 on, got NaN");
});
