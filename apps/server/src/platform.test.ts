import { validate, version } from "uuid";
import { describe, expect, it } from "vitest";
import { eventLoopScheduler, machineClock, machineRandom } from "./platform.ts";

describe("machine randomness", () => {
  it("makes tokens of 64 bits that do not repeat", () => {
    const random = machineRandom();
    const tokens = Array.from({ length: 10_000 }, () => random.token());
    expect(tokens.every((token) => /^[0-9a-f]{16}$/.test(token))).toBe(true);
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it("makes version 7 UUIDs of the given time that do not repeat", () => {
    const random = machineRandom();
    const at = Date.UTC(2030, 0, 1);
    const ids = Array.from({ length: 10_000 }, () => random.uuid(at));
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Number.parseInt(ids[0]!.replace("-", "").slice(0, 12), 16)).toBe(at);
  });
});

describe("the event loop as a scheduler", () => {
  it("wakes at most once, for the last call", async () => {
    const scheduler = eventLoopScheduler(machineClock);
    const woken: string[] = [];
    await new Promise<void>((resolve) => {
      scheduler.wakeAt(machineClock.monotonicMs() + 5, () => woken.push("replaced"));
      scheduler.wakeAt(machineClock.monotonicMs() + 10, () => {
        woken.push("last");
        resolve();
      });
    });
    expect(woken).toEqual(["last"]);
  });
});
