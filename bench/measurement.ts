/** What one run of a scenario says. */

export interface Measurement {
  readonly steps: number;
  readonly seconds: number;
  /** Of whole tasks, from submission to the last result, in milliseconds. */
  readonly taskMs: Percentiles;
  /** Of this process and its worker, microseconds a step. */
  readonly cpuMicrosPerStep: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted[sorted.length - 1] ?? Number.NaN };
}

export function stepsPerSecond({ steps, seconds }: Measurement): number {
  return steps / seconds;
}

/**
 * Runs `tasks` tasks, `concurrency` at once. `start` begins one and calls back when its last result is in.
 * @returns milliseconds that each took, and the seconds from the first start to the last end
 */
export function runTasks(
  tasks: number,
  concurrency: number,
  start: (count: number, ended: (startedAt: number) => void) => void,
): Promise<{ taskMs: number[]; seconds: number }> {
  return new Promise((resolve) => {
    const began = performance.now();
    const taskMs: number[] = [];
    let started = 0;
    const startMore = (count: number) => {
      const more = Math.min(count, tasks - started);
      started += more;
      if (more > 0) start(more, ended);
    };
    let owed = 0;
    const ended = (startedAt: number) => {
      taskMs.push(performance.now() - startedAt);
      if (taskMs.length === tasks) resolve({ taskMs, seconds: (performance.now() - began) / 1000 });
      else if (owed++ === 0) {
        queueMicrotask(() => {
          const count = owed;
          owed = 0;
          startMore(count);
        });
      }
    };
    startMore(concurrency);
  });
}
