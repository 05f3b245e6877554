/**
 * A worker's process: the SDK's real session and its real runner, joined as the SDK joins them, on simulated sockets,
 * with handlers that the simulation judges. It can die, freeze, and leave in good order.
 */

import { parseLossless } from "@tasker/json";
import {
  decodeOrchestratorMessage,
  decodeResults,
  decodeWorkerMessage,
  type Frame,
  sessionTopic,
  topicOf,
  topics,
} from "@tasker/protocol";
import { RecordingLog, type SeededRandom } from "@tasker/testkit";
import { HandlerRegistry, Runner, type StepRequest } from "@tasker/worker/handler";
import { Session } from "@tasker/worker/session";
import { behaviourOf, type HandlerConditions } from "./handlers.ts";
import type { Judge } from "./judge.ts";
import { type Kernel, Process, type Timer } from "./kernel.ts";
import type { Network, Sockets } from "./network.ts";
import { PlainWorkerLife } from "./plain-worker.ts";
import { between, chance, stream } from "./random.ts";
import { drainMs, type WorkerPlan } from "./scenario.ts";
import type { Trace } from "./trace.ts";
import { must } from "./violation.ts";

export interface WorkerPorts {
  readonly seed: number;
  readonly kernel: Kernel;
  readonly network: Network;
  readonly trace: Trace;
  readonly judge: Judge;
  readonly conditions: HandlerConditions;
}

/** The worker as its supervisor sees it: one process after another under the same name. */
export class Worker {
  readonly plan: WorkerPlan;
  readonly #ports: WorkerPorts;
  readonly #random: SeededRandom;
  #life: WorkerLife | PlainWorkerLife | null = null;

  constructor(plan: WorkerPlan, ports: WorkerPorts) {
    this.plan = plan;
    this.#ports = ports;
    this.#random = stream(ports.seed, plan.name);
  }

  /** Nothing of it is left to do or to say. */
  get rests(): boolean {
    return this.#life?.rests ?? false;
  }

  start(): void {
    if (this.#life !== null) return;
    const { trace, kernel, judge } = this.#ports;
    const process = new Process(this.plan.name);
    process.onDeath(() => {
      trace.add(kernel.now, this.plan.name, "is dead");
      judge.executions.killed(this.plan.name);
      this.#life = null;
      kernel.after(between(this.#random, 1, 3_000), null, () => this.start());
    });
    trace.add(kernel.now, this.plan.name, "starts");
    const Life = this.plan.protocol === "1.0" ? PlainWorkerLife : WorkerLife;
    this.#life = new Life(this.plan, process, this.#ports, this.#random);
  }

  kill(): void {
    this.#life?.process.kill();
  }

  /** SIGTERM. */
  leave(): void {
    this.#life?.leave();
  }

  freeze(forMs: number): void {
    if (this.#life === null) return;
    const { trace, kernel } = this.#ports;
    trace.add(kernel.now, this.plan.name, `is frozen for ${forMs} ms`);
    const { process } = this.#life;
    process.frozenUntil = kernel.now + forMs;
    process.timersFirst = chance(this.#random, 0.5);
  }
}

class WorkerLife {
  readonly process: Process;
  readonly #plan: WorkerPlan;
  readonly #ports: WorkerPorts;
  readonly #random: SeededRandom;
  readonly #session: Session;
  readonly #runner: Runner;
  /** The error code of the result that was last sent under each lease and is not acknowledged. */
  readonly #told = new Map<string, string | null>();
  /** Leases that it has run or rejected. */
  readonly #taken = new Set<string>();
  #sockets: Sockets | null = null;
  #timer: Timer | null = null;

  constructor(plan: WorkerPlan, process: Process, ports: WorkerPorts, random: SeededRandom) {
    this.process = process;
    this.#plan = plan;
    this.#ports = ports;
    this.#random = random;
    this.#runner = this.#makeRunner();
    this.#session = this.#makeSession();
    // Calls of a process are its own events, like everything that follows from them.
    ports.kernel.after(0, process, () => this.#drive(() => this.#session.start()));
  }

  get rests(): boolean {
    return this.#session.outboxSize === 0 && this.#runner.runningCount === 0;
  }

  leave(): void {
    const { kernel, trace } = this.#ports;
    kernel.after(0, this.process, () => {
      trace.add(kernel.now, this.#plan.name, "leaves");
      this.#drive(() => {
        this.#session.drain();
        this.#session.giveBack(this.#runner.drain().map(({ leaseId }) => leaseId));
      });
      void this.#runner.idle().then(() => this.#drive(() => this.#session.leave(drainMs)));
      kernel.after(drainMs, this.process, () => this.#drive(() => this.#session.leave(drainMs)));
    });
  }

  /** Every call of the session may move the time at which it wants to be woken. */
  #drive(call: () => void): void {
    const { kernel } = this.#ports;
    call();
    if (this.#timer !== null) this.#timer.cancelled = true;
    const inMs = this.#session.wakesAt - kernel.now + this.#random.uniform() * 3;
    this.#timer = Number.isFinite(inMs)
      ? kernel.timer(inMs, this.process, () => this.#drive(() => this.#session.tick()))
      : null;
  }

  #makeSession(): Session {
    const { kernel } = this.#ports;
    const { workerId, handlers, capacity, codec } = this.#plan;
    return new Session(
      { workerId, pool: "default", version: "1", handlers, capacity, codec },
      {
        wire: {
          open: (session) => this.#open(session),
          send: (frame) => this.#send(frame),
          close: () => this.#sockets?.close(),
        },
        clock: { monotonicMs: () => kernel.now },
        random: this.#random,
        events: {
          run: (steps) => {
            for (const { leaseId } of steps) this.#taken.add(leaseId);
            this.#runner.accept(steps);
          },
          cancel: (leaseIds, reason) => this.#runner.cancel(leaseIds, reason),
          checkpointSettled: (leaseId, seq, refused) => this.#runner.checkpointSettled(leaseId, seq, refused),
          drainRequested: () => this.leave(),
          refused: (reason, detail) => this.#refused(reason, detail),
          closed: () => this.process.kill(),
        },
        log: new RecordingLog(),
      },
    );
  }

  /** The SDK's worker ends then; its supervisor starts it again. */
  #refused(reason: string, detail: string): void {
    const { judge, trace, kernel } = this.#ports;
    trace.add(kernel.now, this.#plan.name, `is refused: ${reason}`);
    judge.workerRefused(this.#plan, reason, detail);
    kernel.after(1, this.process, () => this.process.kill());
  }

  #makeRunner(): Runner {
    const registry = new HandlerRegistry();
    for (const handler of this.#plan.handlers)
      registry.add(handler, (step) => this.#execute(step as unknown as Attempt), null);
    return new Runner({
      registry,
      concurrency: this.#plan.capacity,
      log: new RecordingLog(),
      logsEveryStep: false,
      deliveries: {
        outcomes: (outcomes) => this.#drive(() => this.#session.finish(outcomes)),
        progress: (_origin, leaseId, progress) => this.#session.progress(leaseId, progress),
        checkpoint: (_origin, leaseId, seq, cursor) =>
          this.#drive(() => this.#session.checkpoint(leaseId, seq, cursor)),
        overdue: (count) => this.#drive(() => this.#session.overdue(count)),
      },
      now: () => this.#ports.kernel.now,
    });
  }

  // ------------------------------------------------------------------------------------------------------ sockets

  #open(session: string): void {
    this.#sockets?.close();
    const { network } = this.#ports;
    const sockets = network.open(this.process, sessionTopic(session), (frame) => {
      if (this.#sockets === sockets) this.#receive(frame);
    });
    this.#sockets = sockets;
  }

  #send(frame: Frame): void {
    const bytes = Buffer.from(frame as string);
    if (topicOf(bytes) === topics.results) {
      for (const { metadata, error_code } of decodeResults(bytes).results)
        this.#told.set(metadata.lease_id!, error_code);
    } else this.#judgeDeclaration(decodeWorkerMessage(bytes));
    const { trace, kernel } = this.#ports;
    trace.detail(kernel.now, this.#plan.name, () => `says ${bytes.toString().slice(0, 400)}`);
    this.#sockets?.publish(frame);
  }

  #receive(frame: Uint8Array): void {
    const { trace, kernel } = this.#ports;
    trace.detail(kernel.now, this.#plan.name, () => `hears ${Buffer.from(frame).toString().slice(0, 300)}`);
    this.#judgeAck(frame);
    this.#drive(() => this.#session.receive(frame));
    this.#judgeBatch(frame);
  }

  /** What has arrived is run, or handed back; it does not vanish. */
  #judgeBatch(frame: Uint8Array): void {
    const message = decodeOrchestratorMessage(frame);
    if (!("steps" in message)) return;
    this.#ports.judge.check(() => {
      for (const { metadata } of message.steps)
        must(
          "batches-are-taken",
          this.#taken.has(metadata.lease_id!),
          () => `${this.#plan.name} drops ${metadata.lease_id}`,
        );
    });
  }

  /** Results stay in the outbox until they are acknowledged; it says so. */
  #judgeDeclaration({ type, leases, outbox = [], lease_ids = [] }: Declaration): void {
    if (type === "reject") for (const leaseId of lease_ids) this.#taken.add(leaseId);
    if (type !== "hello" && type !== "heartbeat") return;
    this.#ports.judge.check(() => {
      for (const leaseId of this.#told.keys()) {
        const kept = leases?.includes(leaseId) || outbox.includes(leaseId);
        must("outbox-kept", kept === true, () => `${this.#plan.name} no longer has the result of ${leaseId}`);
      }
    });
  }

  /** What it is told to forget must be in the store. */
  #judgeAck(frame: Uint8Array): void {
    if (!Buffer.from(frame).includes("result_ack")) return;
    const message = decodeOrchestratorMessage(frame);
    if ("steps" in message || message.type !== "result_ack") return;
    for (const leaseId of message.lease_ids) {
      const code = this.#told.get(leaseId);
      if (code !== undefined && code !== "timeout") this.#ports.judge.forgets(this.#plan.name, leaseId);
      this.#told.delete(leaseId);
    }
    for (const leaseId of message.timeout_ids ?? [])
      if (this.#told.get(leaseId) === "timeout") this.#told.delete(leaseId);
  }

  // ----------------------------------------------------------------------------------------------------- handlers

  async #execute(attempt: Attempt): Promise<unknown> {
    const { judge, conditions, kernel, trace } = this.#ports;
    const { request } = attempt;
    const execution = judge.executes(request, this.#plan.name);
    judge.check(() => judge.checkpoints.begins(request));
    const behaviour = behaviourOf(this.#random, conditions, request.timeoutMs, judge.executions.started);
    const { afterMs, output, error, obeys, progress, checkpoints } = behaviour;
    judge.check(() => {
      const { capacity } = this.#plan;
      const { runningCount } = this.#runner;
      must(
        "credit-kept",
        runningCount <= capacity,
        () => `${this.#plan.name} runs ${runningCount} of ${capacity} steps`,
      );
    });
    if (progress) attempt.heartbeat({ done: 1 });
    trace.add(kernel.now, this.#plan.name, `executes ${request.leaseId} (${request.stepName}, ${request.attempt})`);
    for (let part = 1; part <= checkpoints + 1; part++) {
      await new Promise<void>((resolve, reject) => {
        kernel.timer(afterMs / (checkpoints + 1), this.process, resolve);
        if (!obeys) return;
        if (attempt.signal.aborted) reject(attempt.signal.reason);
        else attempt.signal.addEventListener("abort", () => reject(attempt.signal.reason));
      });
      if (part <= checkpoints) this.#saveCursor(attempt, part);
    }
    trace.add(kernel.now, this.#plan.name, `has done ${request.leaseId}`);
    judge.executed(execution, error === null ? output : null);
    if (error !== null) throw error;
    return parseLossless(output);
  }

  /** Nobody waits for it: a newer one may overtake it, and its attempt may end first. */
  #saveCursor(attempt: Attempt, number: number): void {
    const { judge } = this.#ports;
    const { request } = attempt;
    const cursor = `{"lease":"${request.leaseId}","number":${number},"exact":9007199254740993}`;
    judge.checkpoints.saved(request, number, cursor);
    attempt.checkpoint(parseLossless(cursor)).then(
      () => judge.checkpoints.confirmed(request, number),
      () => {},
    );
  }
}

/** What the messages of a worker may have. */
interface Declaration {
  readonly type: string;
  readonly leases?: readonly string[];
  readonly outbox?: readonly string[];
  readonly lease_ids?: readonly string[];
}

interface Attempt {
  checkpoint(cursor: unknown): Promise<void>;
  heartbeat(progress: unknown): void;
  readonly request: StepRequest;
  readonly signal: AbortSignal;
}
