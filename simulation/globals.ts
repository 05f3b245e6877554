/**
 * While a run lasts, this process has no real time and no real chance: timers are the kernel's, and belong to the process
 * whose event is happening; clocks are simulated; `Math.random` is seeded. So code that reaches for them is part of the
 * simulation too.
 */
import type { Kernel, Timer } from "./kernel.ts";
import { stream } from "./random.ts";

/** Of an event loop's turn. */
const soonMs = 0.02;

/** @returns a function that puts everything back */
export function simulateGlobals(kernel: Kernel, seed: number): () => void {
  const { setTimeout, clearTimeout, setImmediate, clearImmediate, setInterval, clearInterval, Date, performance, Math } = globalThis;
  const real = { setTimeout, clearTimeout, setImmediate, clearImmediate, setInterval, clearInterval };
  const [dateNow, performanceNow, mathRandom] = [Date.now, performance.now, Math.random];
  const random = stream(seed, "globals");
  const cancel = (timer?: Timer | null) => {
    if (timer) timer.cancelled = true;
  };
  const start = (run: (...args: unknown[]) => void, delayMs = 1, ...args: unknown[]) =>
    kernel.after(Math.max(1, delayMs), kernel.current, () => run(...args));
  const startSoon = (run: (...args: unknown[]) => void, ...args: unknown[]) =>
    kernel.after(soonMs, kernel.current, () => run(...args));
  Object.assign(globalThis, {
    setTimeout: start,
    clearTimeout: cancel,
    setImmediate: startSoon,
    clearImmediate: cancel,
    setInterval: () => {
      throw new Error("the simulation has no intervals");
    },
  });
  Date.now = () => Math.floor(kernel.now);
  performance.now = () => kernel.now;
  Math.random = () => random.uniform();
  return () => {
    Object.assign(globalThis, real);
    Date.now = dateNow;
    performance.now = performanceNow;
    Math.random = mathRandom;
  };
}
