/**
 * A worker written from the seed alone: it subscribes to `steps`, runs each batch one step after the other, publishes one
 * message of results, and knows nothing of leases, acks or heartbeats.
 */
import { decodeBatch, encodeResults, type ResultItem } from "@tasker/protocol";
import type { SeededRandom } from "@tasker/testkit";
import { behaviourOf, type HandlerConditions } from "./handlers.ts";
import type { Judge } from "./judge.ts";
import type { Kernel, Process } from "./kernel.ts";
import type { Network, Sockets } from "./network.ts";
import type { WorkerPlan } from "./scenario.ts";
import type { Trace } from "./trace.ts";

export interface PlainWorkerPorts {
  readonly kernel: Kernel;
  readonly network: Network;
  readonly trace: Trace;
  readonly judge: Judge;
  readonly conditions: HandlerConditions;
}

type Batch = ReturnType<typeof decodeBatch>;

export class PlainWorkerLife {
  readonly process: Process;
  readonly #plan: WorkerPlan;
  readonly #ports: PlainWorkerPorts;
  readonly #random: SeededRandom;
  readonly #sockets: Sockets;
  readonly #waiting: Batch[] = [];
  #busy = false;

  constructor(plan: WorkerPlan, process: Process, ports: PlainWorkerPorts, random: SeededRandom) {
    this.process = process;
    this.#plan = plan;
    this.#ports = ports;
    this.#random = random;
    this.#sockets = ports.network.open(process, "steps", (frame) => this.#receive(frame));
  }

  get rests(): boolean {
    return !this.#busy;
  }

  /** It knows no good manners. */
  leave(): void {
    this.process.kill();
  }

  #receive(frame: Uint8Array): void {
    this.#waiting.push(decodeBatch(frame));
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      const results: ResultItem[] = [];
      for (const step of batch.steps) results.push(await this.#execute(batch.batch_id, step));
      this.#sockets.publish(encodeResults({ batch_id: batch.batch_id, protocol_version: "1.0", results }));
    }
    this.#busy = false;
  }

  async #execute(batchId: string, step: Batch["steps"][number]): Promise<ResultItem> {
    const { kernel, judge, conditions, trace } = this.#ports;
    const leaseId = `${batchId}.${step.step_id}`;
    const { step_name: stepName, task_context: context, previous_results: previousResults } = step;
    const execution = judge.executes({ leaseId, stepName, context, previousResults }, this.#plan.name, "1.0");
    trace.add(kernel.now, this.#plan.name, `executes ${leaseId} (${stepName})`);
    const run = judge.executions.started;
    const { afterMs, output, error } = behaviourOf(this.#random, conditions, step.metadata.timeout_ms, run);
    await new Promise<void>((resolve) => kernel.after(afterMs, this.process, resolve));
    judge.executed(execution, error === null ? output : null);
    const failure = error === null ? "null" : JSON.stringify({ message: error.message });
    return {
      step_id: step.step_id,
      status: error === null ? "completed" : "failed",
      output: error === null ? output : "null",
      error: failure,
      error_code: null,
      metadata: { execution_time_ms: Math.round(afterMs), retryable: true },
    };
  }
}
