/**
 * A plain worker: protocol 1.0 and nothing else, as one writes it from section 4 of the specification. A SUB, a PUB, a loop;
 * it answers each step as it ends, and knows nothing of sessions, leases or acks.
 */
import { appendFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { Publisher, Subscriber } from "zeromq";

// biome-ignore lint/suspicious/noExplicitAny: payloads are any JSON
type Json = any;

interface Step {
  readonly step_id: number;
  readonly task_id: number;
  readonly step_name: string;
  readonly handler_class: string;
  readonly handler_config: Json;
  readonly task_context: Json;
  readonly previous_results: Json;
  readonly metadata: { readonly attempt: number; readonly retry_limit: number };
}

const handlers: Readonly<Record<string, (step: Step, attempt: number) => unknown>> = {
  "conformance.echo": ({ task_context }) => task_context,
  "conformance.inspect": ({ handler_config, previous_results, metadata: { retry_limit } }, attempt) => ({
    attempt,
    max_attempts: retry_limit + 1,
    is_last_attempt: attempt > retry_limit,
    config: handler_config,
    previous_results,
  }),
  async "conformance.sleep"({ handler_config: { ms } }) {
    await wait(ms);
    return { slept_ms: ms };
  },
  "conformance.fail"({ handler_config: { kind, message, until_attempt: until } }, attempt) {
    if (until !== undefined && attempt >= until) return { attempt };
    throw Object.assign(new Error(message), { retryable: kind !== "permanent" });
  },
  async "conformance.record"({ task_id, step_name, handler_config: { file, ms = 0 } }, attempt) {
    appendFileSync(file, `${task_id} ${step_name} ${attempt}\n`);
    await wait(ms);
    return { attempt };
  },
};

const results = new Publisher({ sendTimeout: 0 });
const steps = new Subscriber();
// Results first: what a PUB sends before its peer has subscribed is lost.
results.connect(process.env.TASKER_RESULTS_ENDPOINT!);
steps.connect(process.env.TASKER_STEPS_ENDPOINT!);
steps.subscribe("steps");
for await (const [frame, ...more] of steps) if (more.length === 0) take(frame!.toString("utf8"));

function take(frame: string): void {
  try {
    const batch = JSON.parse(frame.slice("steps ".length));
    if (batch.protocol_version !== "1.0") throw new Error(`protocol_version ${batch.protocol_version}`);
    for (const step of batch.steps) void answer(batch.batch_id, step);
  } catch (error) {
    console.error(`refused: ${(error as Error).message}`);
  }
}

async function answer(batch_id: string, step: Step): Promise<void> {
  const startedAt = performance.now();
  const result = await run(step).catch((error: Error & { retryable?: boolean }) => ({
    status: "failed",
    output: null,
    error: { message: error.message },
    metadata: { retryable: error.retryable ?? true },
  }));
  const metadata = { execution_time_ms: performance.now() - startedAt, ...result.metadata };
  const answers = [{ step_id: step.step_id, ...result, metadata }];
  await results.send(`results ${JSON.stringify({ batch_id, protocol_version: "1.0", results: answers })}`);
}

async function run(step: Step) {
  const handler = handlers[step.handler_class];
  if (handler === undefined) throw new Error(`no handler ${step.handler_class}`);
  const output = await handler(step, step.metadata.attempt + 1);
  return { status: "completed", output, error: null, metadata: {} };
}
