/** Offers a scenario's tasks to a system, and takes the time: closed loop, open loop, submissions only. */
import { seededRandom } from "./random.ts";
import type { Load, Scenario } from "./scenarios.ts";
import type { System } from "./system.ts";

export interface Timings {
  /** Milliseconds of each task, or of each call when only submitting. */
  readonly taskMs: number[];
  readonly stepMs: number[] | null;
  readonly tasks: number;
  /** From the first start to the last end. */
  readonly seconds: number;
}

/**
 * Runs half of the load first: files are open, code is compiled, heaps have their size. A process that has just started is
 * not what is measured; with a twentieth a chain's step cost the orchestrator a fifth more CPU than in a run four
 * times as long.
 */
export async function warmUp(system: System, { load }: Scenario): Promise<void> {
  if (load.kind === "open") await runClosed(system, 1_500, 20);
  else if (load.kind === "submit") await runSubmit(system, { ...load, tasks: load.tasks / 2 });
  else await runClosed(system, Math.max(2, Math.ceil(load.tasks / 2)), load.concurrency);
}

export function run(system: System, { load }: Scenario): Promise<Timings> {
  switch (load.kind) {
    case "closed":
      return load.concurrency === 1 ? runOneByOne(system, load.tasks) : runClosed(system, load.tasks, load.concurrency);
    case "open":
      return runOpen(system, load);
    case "submit":
      return runSubmit(system, load);
  }
}

/** Begins a task when one has ended; those that end in the same round are followed in one call. */
function runClosed(system: System, tasks: number, concurrency: number): Promise<Timings> {
  return new Promise((resolve) => {
    const began = performance.now();
    const taskMs: number[] = [];
    let started = 0;
    let owed = 0;
    const start = (wanted: number) => {
      const count = Math.min(wanted, tasks - started);
      const startedAt = performance.now();
      started += count;
      if (count > 0) system.start(count, () => ended(startedAt));
    };
    const ended = (startedAt: number) => {
      taskMs.push(performance.now() - startedAt);
      if (taskMs.length === tasks) resolve({ taskMs, stepMs: null, tasks, seconds: secondsSince(began) });
      else if (owed++ === 0) {
        queueMicrotask(() => {
          start(owed);
          owed = 0;
        });
      }
    };
    start(concurrency);
  });
}

/** One task at a time, and each step's time: from the result before it (the submission) to its own, both committed. */
async function runOneByOne(system: System, tasks: number): Promise<Timings> {
  const taskMs: number[] = [];
  const stepMs: number[] = [];
  const began = performance.now();
  for (let count = 0; count < tasks; count++) {
    const startedAt = performance.now();
    let last = startedAt;
    system.onStep = () => {
      const now = performance.now();
      stepMs.push(now - last);
      last = now;
    };
    await new Promise<void>((resolve) => system.start(1, resolve));
    taskMs.push(performance.now() - startedAt);
  }
  system.onStep = null;
  return { taskMs, stepMs, tasks, seconds: secondsSince(began) };
}

/**
 * Arrivals are drawn beforehand and do not wait for the system. A task's time counts from its intended start: what a stall
 * keeps from starting has waited too ("coordinated omission", G. Tene).
 */
function runOpen(system: System, load: Extract<Load, { kind: "open" }>): Promise<Timings> {
  const arrivals = poissonArrivals(load);
  return new Promise((resolve) => {
    const began = performance.now();
    const taskMs: number[] = [];
    let next = 0;
    const ended = (intended: number) => {
      taskMs.push(performance.now() - began - intended);
      if (taskMs.length < arrivals.length) return;
      resolve({ taskMs, stepMs: null, tasks: arrivals.length, seconds: secondsSince(began) });
    };
    const startDue = () => {
      const now = performance.now() - began;
      for (; next < arrivals.length && arrivals[next]! <= now; next++) {
        const intended = arrivals[next]!;
        system.start(1, () => ended(intended));
      }
      if (next < arrivals.length) setTimeout(startDue, arrivals[next]! - now);
    };
    startDue();
  });
}

/** Milliseconds from the beginning; the same in every run. */
function poissonArrivals({ tasksPerSecond, seconds }: Extract<Load, { kind: "open" }>): number[] {
  const random = seededRandom(tasksPerSecond);
  const arrivals: number[] = [];
  for (let at = 0; at < seconds * 1000; at += (-Math.log(1 - random()) * 1000) / tasksPerSecond) arrivals.push(at);
  return arrivals;
}

async function runSubmit(system: System, load: Extract<Load, { kind: "submit" }>): Promise<Timings> {
  const taskMs: number[] = [];
  const began = performance.now();
  let left = Math.ceil(load.tasks / load.tasksPerCall);
  const tasks = left * load.tasksPerCall;
  const caller = async () => {
    while (left-- > 0) {
      const startedAt = performance.now();
      await system.submit(load.tasksPerCall);
      taskMs.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: load.callers }, caller));
  return { taskMs, stepMs: null, tasks, seconds: secondsSince(began) };
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
