/**
 * Those who submit and cancel. A client that gets no answer asks again with the same idempotency key; every positive
 * reply is a promise that the judge holds the orchestrator to, and a refusal is a promise that nothing was stored.
 */
import { type Engine, StoreError, type SubmitTask, TaskerError, type Template } from "@tasker/engine";
import type { Judge } from "./judge.ts";
import { type Kernel, Process } from "./kernel.ts";
import type { Orchestrator } from "./orchestrator.ts";
import { between, chance, pick, stream } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import type { Trace } from "./trace.ts";

const patienceMs = 3_000;

export interface ClientPorts {
  readonly scenario: Scenario;
  readonly kernel: Kernel;
  readonly orchestrator: Orchestrator;
  readonly judge: Judge;
  readonly trace: Trace;
}

export class Client {
  readonly #ports: ClientPorts;
  readonly #random;
  readonly #process = new Process("client");
  #requests = 0;
  /** Requests that still wait for their final answer. */
  pending = 0;

  constructor(ports: ClientPorts) {
    this.#ports = ports;
    this.#random = stream(ports.scenario.seed, "client");
  }

  /** Spreads all requests over the time of faults. */
  plan(): void {
    const { scenario, kernel } = this.#ports;
    for (const template of scenario.templates) this.#planTemplate(template);
    for (let i = 0; i < scenario.submissions; i++) this.#planSubmission();
    if (!scenario.faults.has("cancellations")) return;
    for (let i = between(this.#random, 1, 4); i > 0; i--)
      kernel.after(this.#random.uniform() * scenario.chaosMs, this.#process, () => this.#cancelSome());
  }

  /** Applied until it is accepted, and by some once more. */
  #planTemplate(template: Template): void {
    this.pending++;
    this.#apply(template);
    if (!chance(this.#random, 0.2)) return;
    this.pending++;
    this.#ports.kernel.after(this.#random.uniform() * 2_000, this.#process, () => this.#apply(template));
  }

  #apply(template: Template): void {
    const { kernel, judge } = this.#ports;
    this.#ask(
      (engine) => engine.applyTemplate(template, "simulated"),
      () => judge.applied(template),
      () => kernel.after(200, this.#process, () => this.#apply(template)),
    );
  }

  #planSubmission(): void {
    const { scenario } = this.#ports;
    const random = this.#random;
    const request = this.#request();
    const at = random.uniform() ** 2 * scenario.chaosMs;
    const others = chance(random, 0.2) ? Array.from({ length: between(random, 1, 3) }, () => this.#request(true)) : [];
    this.#planSend([request, ...others], at);
    if (request.idempotencyKey === null) return;
    if (chance(random, 0.3)) this.#planSend([request], chance(random, 0.5) ? at : random.uniform() * scenario.chaosMs);
    if (!chance(random, 0.1)) return;
    const other = { ...request, context: `{"other":true}`, fingerprint: `${request.fingerprint}-other` };
    this.#planSend([other], random.uniform() * scenario.chaosMs);
  }

  #planSend(requests: readonly SubmitTask[], at: number): void {
    this.pending++;
    this.#ports.kernel.after(at, this.#process, () => this.#send(requests));
  }

  #request(keyed = chance(this.#random, 0.7)): SubmitTask {
    const number = ++this.#requests;
    const random = this.#random;
    const { name } = pick(random, this.#ports.scenario.templates);
    const context = `{"request":${number},"exact":9007199254740993,"filler":"${"c".repeat(random.below(200))}"}`;
    return {
      namespace: "simulation",
      name,
      version: chance(random, 0.5) ? null : "1.0.0",
      context,
      contextValue: {},
      idempotencyKey: keyed ? `key-${number}` : null,
      fingerprint: keyed ? `print-${number}` : null,
      priority: chance(random, 0.3) ? between(random, -3, 3) : 0,
      tags: [],
      correlationId: null,
      initiator: "client",
      reason: null,
    };
  }

  #send(requests: readonly SubmitTask[]): void {
    this.#ask(
      (engine) => this.#submit(engine, requests),
      () => {},
      (error) => this.#sendAgain(requests, error),
    );
  }

  /** Calls an engine once there is one. Ends one pending request, or leaves that to `failed`. */
  #ask(
    call: (engine: Engine) => Promise<unknown>,
    done: () => void,
    failed: (error: TaskerError | null) => void,
  ): void {
    const { orchestrator, kernel, judge } = this.#ports;
    const { engine, process } = orchestrator;
    if (engine === null || process === null) {
      kernel.after(100 + this.#random.uniform() * 300, this.#process, () => this.#ask(call, done, failed));
      return;
    }
    let waiting = true;
    const settle = (act: () => void) => {
      if (!waiting) return;
      waiting = false;
      act();
    };
    // What was answered by a process that then died may or may not have got through.
    const reply = (act: () => void) => (process.alive || chance(this.#random, 0.5)) && settle(act);
    const succeeded = () => {
      this.pending--;
      done();
    };
    const refused = (error: unknown) => (error instanceof TaskerError ? failed(error) : judge.crashed(error as Error));
    kernel.after(this.#random.uniform() * 5, process, () => {
      call(engine).then(
        () => reply(succeeded),
        (error) => reply(() => refused(error)),
      );
    });
    kernel.after(patienceMs, this.#process, () => settle(() => failed(null)));
  }

  /** @param error null: there was no answer */
  #sendAgain(requests: readonly SubmitTask[], error: TaskerError | null): void {
    const { kernel, trace, judge } = this.#ports;
    trace.add(kernel.now, "client", error === null ? "has no answer" : `is refused: ${error.code}`);
    // Nobody knows whether it was stored: only a key makes it safe to ask again.
    if (isUnknown(error) && requests[0]!.idempotencyKey === null) {
      this.pending--;
      return;
    }
    if (error !== null) for (const request of requests) judge.refused(request, error);
    kernel.after(200 + this.#random.uniform() * 1_000, this.#process, () => this.#send(requests));
  }

  async #submit(engine: Engine, requests: readonly SubmitTask[]): Promise<void> {
    const outcomes = await engine.submit(requests);
    const { judge, trace, kernel } = this.#ports;
    for (const [index, outcome] of outcomes.entries()) {
      const request = requests[index]!;
      if (outcome.ok) {
        trace.add(kernel.now, "client", `has task ${outcome.task.taskId} for ${request.idempotencyKey}`);
        judge.submitted(outcome.task, request);
      } else if (outcome.error.code === "idempotency_conflict") {
        judge.conflicted(request);
      } else {
        this.pending++;
        this.#sendAgain([request], outcome.error);
      }
    }
  }

  #cancelSome(): void {
    const { orchestrator, judge, trace, kernel } = this.#ports;
    const { engine } = orchestrator;
    const active = judge.ledger.activeTasks.map(({ row }) => row.id);
    if (engine === null || active.length === 0) return;
    const command: Parameters<Engine["cancel"]>[0] = {
      id: pick(this.#random, active),
      cause: { actor: "client", reason: "simulated" },
    };
    engine.cancel(command).then(
      () => {
        trace.add(kernel.now, "client", `has cancelled ${command.id}`);
        judge.cancelled(command.id);
      },
      (error: Error) => {
        if (!(error instanceof TaskerError)) judge.crashed(error);
      },
    );
  }
}

function isUnknown(error: TaskerError | null): boolean {
  return error === null || (error.cause instanceof StoreError && error.cause.failure === "io");
}
