import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { run } from "./load.ts";
import { percentiles } from "./measurement.ts";
import { type Scenario, scenarios } from "./scenarios.ts";
import type { System } from "./system.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "performance", "queueMicrotask"] }));
afterEach(() => void vi.useRealTimers());

/** Ends each task `serviceMs` after its start. */
function systemThatTakes(serviceMs: number): System {
  return {
    start(count, ended) {
      for (let i = 0; i < count; i++) setTimeout(ended, serviceMs);
    },
    submit: async () => {},
    onStep: null,
    commits: 0,
    usage: () => ({ cpuMicros: 0, bytesWritten: 0, peakRssBytes: 0 }),
    workerUsage: async () => ({ cpuMicros: 0, bytesWritten: 0, peakRssBytes: 0 }),
    close: async () => {},
  };
}

function scenarioWith(load: Scenario["load"]): Scenario {
  return { ...scenarios[0]!, load };
}

it("counts an open loop's latency from the intended start, so that a stall is seen by all that it delayed", async () => {
  const running = run(systemThatTakes(1), scenarioWith({ kind: "open", tasksPerSecond: 100, seconds: 1 }));
  await vi.advanceTimersByTimeAsync(400);
  // The process stands still for half a second: no timer runs, arrivals become due.
  const stalled = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => stalled + 500);
  await vi.advanceTimersByTimeAsync(10);
  vi.mocked(performance.now).mockRestore();
  await vi.advanceTimersByTimeAsync(3_000);
  const { taskMs } = await running;
  expect(percentiles(taskMs).max).toBeGreaterThan(400);
  expect(taskMs.filter((ms) => ms > 100).length).toBeGreaterThan(20);
});

it("keeps as many tasks under way in a closed loop as it was told", async () => {
  let underWay = 0;
  let most = 0;
  const system = systemThatTakes(5);
  const counting: System = {
    ...system,
    start(count, ended) {
      underWay += count;
      most = Math.max(most, underWay);
      system.start(count, () => {
        underWay--;
        ended();
      });
    },
  };
  const running = run(counting, scenarioWith({ kind: "closed", tasks: 100, concurrency: 8 }));
  await vi.runAllTimersAsync();
  expect((await running).taskMs).toHaveLength(100);
  expect(most).toBe(8);
});
