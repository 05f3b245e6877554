/**
 * While a run lasts, this process has no real time and no real chance: timers are the kernel's, and belong to the process
 * whose event is happening; clocks are simulated; `Math.random` is seeded. So code that reaches for them is part of the
 * simulation too.
 */
import type { Kernel, Timer } from "./kernel.ts";
import { stream } from "./random.ts";

type Callback = (...args: unknown[]) => void;

/** When a callback of `setImmediate` runs. */
const soonMs = 0.02;

/** @returns a function that puts everything back */
export function simulateGlobals(kernel: Kernel, seed: number): () => void {
  const before = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setImmediate: globalThis.setImmediate,
    clearImmediate: globalThis.clearImmediate,
    setInterval: globalThis.setInterval,
  };
  const [dateNow, performanceNow, mathRandom] = [Date.now, performance.now, Math.random];
  const random = stream(seed, "globals");
  Object.assign(globalThis, {
    setTimeout: (run: Callback, delayMs = 1, ...args: unknown[]) =>
      kernel.timer(Math.max(1, delayMs), kernel.current, () => run(...args)),
    setImmediate: (run: Callback, ...args: unknown[]) => kernel.after(soonMs, kernel.current, () => run(...args)),
    clearTimeout: cancel,
    clearImmediate: cancel,
    setInterval: refuseInterval,
  });
  Date.now = () => Math.floor(kernel.now);
  performance.now = () => kernel.now;
  Math.random = () => random.uniform();
  return () => {
    Object.assign(globalThis, before);
    Date.now = dateNow;
    performance.now = performanceNow;
    Math.random = mathRandom;
  };
}

function cancel(timer?: Timer | null): void {
  if (timer) timer.cancelled = true;
}

/** Whatever ticks in the simulation is ticked by its process, or it would tick on after that has died. */
function refuseInterval(): never {
  throw new Error("setInterval is not simulated");
}
