/**
 * The worker of the runs. Writes a line to its log when a handler is called and when it ends, for the auditor. Offers
 * the handlers named in CHAOS_HANDLERS (separated by commas), by default `chaos.work` and `chaos.gate`.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { RetryableError, type Step, Worker } from "@tasker/worker";
import { appendLine } from "../../json-lines.ts";

const { CHAOS_LOG: log, CHAOS_HANDLERS: offered = "chaos.work,chaos.gate" } = process.env;
const workerId = process.env.TASKER_WORKER_ID!;

const handlers: Record<string, (step: Step) => Promise<void>> = {
  /** Takes `ms`, and fails as often as `fails` says. */
  "chaos.work": async (step) => {
    await sleep(step.context.ms ?? step.config.ms ?? 1);
    if (step.attempt <= (step.config.fails ?? 0)) throw new RetryableError(`attempt ${step.attempt} fails`);
  },
  /** The same under another name, for a worker that is the only one to have it. */
  "chaos.slow": async (step) => {
    await sleep(step.context.ms);
  },
  /** Ends once there is a file of this name. */
  "chaos.gate": async (step) => {
    while (!existsSync(step.context.gate)) await sleep(10, undefined, { signal: step.signal });
  },
  /** Blocks the whole process, and looks at nothing meanwhile. */
  "chaos.busy": async (step) => {
    const end = performance.now() + step.context.ms;
    while (performance.now() < end);
  },
  /** Kills whoever runs it. */
  "chaos.poison": async () => {
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => {});
  },
};

const worker = new Worker();
for (const name of offered.split(",")) worker.handle(name, (step: Step) => logged(step, handlers[name]!));
await worker.run();

async function logged(step: Step, run: (step: Step) => Promise<void>): Promise<object> {
  const line = { task: step.taskId, step: step.stepName, attempt: step.attempt, worker: workerId };
  appendLine(log!, { at: Date.now(), event: "started", ...line });
  try {
    await run(step);
    appendLine(log!, { at: Date.now(), event: "ended", ...line, outcome: "completed" });
    return { attempt: step.attempt, account: step.context.account ?? null };
  } catch (error) {
    appendLine(log!, { at: Date.now(), event: "ended", ...line, outcome: "failed" });
    throw error;
  }
}
