/**
 * A worker that speaks protocol 1.0 and nothing else, as the seed prints it: SUB on `steps`, PUB of `results`. Each step
 * takes `ms` of its context, one step after the other.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Publisher, Subscriber } from "zeromq";
import { appendLine } from "../../json-lines.ts";

interface PlainBatch {
  readonly batch_id: string;
  readonly steps: readonly {
    readonly step_id: number;
    readonly task_id: number;
    readonly step_name: string;
    readonly task_context: { readonly ms?: number };
    readonly metadata: { readonly attempt: number };
  }[];
}

const { CHAOS_LOG: log, TASKER_WORKER_ID: worker = "plain" } = process.env;
const results = new Publisher({ sendTimeout: 0 });
results.connect(process.env.TASKER_RESULTS_ENDPOINT!);
const steps = new Subscriber();
steps.connect(process.env.TASKER_STEPS_ENDPOINT!);
steps.subscribe("steps");

for await (const [frame] of steps) {
  const batch = JSON.parse(frame!.toString("utf8").slice("steps ".length)) as PlainBatch;
  for (const step of batch.steps) {
    const line = { task: step.task_id, step: step.step_name, attempt: step.metadata.attempt + 1, worker };
    appendLine(log!, { at: Date.now(), event: "started", ...line });
    await sleep(step.task_context.ms ?? 1);
    appendLine(log!, { at: Date.now(), event: "ended", ...line, outcome: "completed" });
    const result = { step_id: step.step_id, status: "completed", output: { attempt: line.attempt }, error: null };
    const message = { batch_id: batch.batch_id, protocol_version: "1.0", results: [result] };
    await results.send(`results ${JSON.stringify(message)}`);
  }
}
