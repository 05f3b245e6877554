/** What a backlog costs: memory and start-up time of the `tasker server` command with many tasks that wait for a worker. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { payload } from "./scenarios.ts";
import { bulkBody, TaskerServer } from "./tasker/server.ts";
import { peakRssOf } from "./usage.ts";

export interface Pending {
  readonly tasks: number;
  readonly stepsPerTask: number;
  readonly contextBytes: number;
  readonly submitSeconds: number;
  /** While they were submitted. */
  readonly peakBytes: number;
  /** From the start of the command to its ready line, with all of them in the database. */
  readonly startSeconds: number;
  readonly peakBytesAfterStart: number;
}

const stepsPerTask = 10;
const tasksPerCall = 1_000;

export async function measurePending(tasks: number, contextBytes: number): Promise<Pending> {
  const folder = mkdtempSync(join(tmpdir(), "tasker-bench-"));
  const database = join(folder, "tasker.db");
  try {
    const first = await TaskerServer.start(database);
    await first.send("PUT", "/v1/templates/bench/chain/1.0.0", template());
    const task = `{"namespace":"bench","name":"chain","context":${payload(contextBytes)}}`;
    const began = performance.now();
    for (let left = tasks; left > 0; left -= tasksPerCall) {
      await first.send("POST", "/v1/tasks/bulk", bulkBody(task, Math.min(left, tasksPerCall)));
    }
    const submitSeconds = secondsSince(began);
    const peakBytes = peakRssOf(first.process.pid!);
    await first.stop();
    const restarted = performance.now();
    const second = await TaskerServer.start(database);
    const startSeconds = secondsSince(restarted);
    const peakBytesAfterStart = peakRssOf(second.process.pid!);
    await second.stop();
    return { tasks, stepsPerTask, contextBytes, submitSeconds, peakBytes, startSeconds, peakBytesAfterStart };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function template(): string {
  const steps = Array.from({ length: stepsPerTask }, (_, i) => ({
    name: `step_${i}`,
    handler: "nobody.has.this",
    depends_on: i === 0 ? [] : [`step_${i - 1}`],
  }));
  return JSON.stringify({ namespace: "bench", name: "chain", version: "1.0.0", steps });
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
