/**
 * A step's way over the wire without sockets and threads: its batch is encoded by the orchestrator, decoded by the worker's
 * session, handed to the runner and back as between their threads, its result encoded, decoded by the orchestrator, and
 * acknowledged. Beside it the bare pipeline's worker, which answers the bare pipeline's batches.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  decodeResults,
  defaultLimits,
  encodeBatch,
  encodeControl,
  type Frame,
  type OutgoingBatch,
  staticStepJson,
  topicOf,
  topics,
} from "@tasker/protocol";
import { RecordingLog } from "@tasker/testkit";
import { HandlerRegistry, Runner } from "@tasker/worker/handler";
import {
  packOutcomes,
  packSteps,
  Session,
  type StepRequest,
  unpackOutcomes,
  unpackSteps,
} from "@tasker/worker/session";
import { answer, resultsTopic, stepsTopic } from "../bare/answer.ts";
import { payload } from "../scenarios.ts";

const stepsPerBatch = 10;
const batchesPerRound = 45;
export const stepsPerRound = stepsPerBatch * batchesPerRound;

const said = { protocol_version: "2.0", orchestrator_id: "guard", epoch: "1" } as const;
const limits = {
  max_message_bytes: defaultLimits.messageBytes,
  max_output_bytes: defaultLimits.outputBytes,
  max_checkpoint_bytes: defaultLimits.checkpointBytes,
  max_steps_per_batch: defaultLimits.stepsPerBatch,
};

export class WireLoop {
  readonly #session: Session;
  readonly #runner: Runner;
  #name = "";
  #arrived: StepRequest[] = [];
  #acknowledged: string[] = [];
  #seq = 0;
  /** Batches, acks, and all that the worker says. */
  messages = 0;

  constructor() {
    const registry = new HandlerRegistry();
    const output = JSON.parse(payload(0)) as unknown;
    registry.add("noop", () => output, null);
    const log = new RecordingLog();
    this.#runner = new Runner({
      registry,
      concurrency: stepsPerRound,
      log,
      logsEveryStep: false,
      now: standingClock,
      deliveries: {
        outcomes: (outcomes) => this.#session.finish(unpackOutcomes(packOutcomes(outcomes))),
        progress: unexpected,
        checkpoint: unexpected,
        overdue: unexpected,
      },
    });
    this.#session = new Session(
      { workerId: "guard", pool: "", version: "", handlers: ["noop"], capacity: stepsPerRound, codec: "json" },
      {
        wire: {
          open: (name) => {
            this.#name = name;
          },
          send: (frame) => this.#hear(Buffer.from(frame)),
          close: () => {},
        },
        clock: { monotonicMs: standingClock },
        random: { uniform: Math.random, token: () => "0123456789abcdef" },
        log,
        events: {
          run: (steps) => this.#arrived.push(...steps),
          cancel: unexpected,
          checkpointSettled: unexpected,
          drainRequested: unexpected,
          refused: unexpected,
          closed: unexpected,
        },
      },
    );
    this.#session.start();
    this.#tell(
      encodeControl(this.#name, {
        ...said,
        type: "welcome",
        version: "2.0",
        codec: "json",
        heartbeat_ms: 1_000,
        limits,
      }),
    );
  }

  /** All batches of a round arrive in one burst, and their acks together. @throws Error when a result is missing */
  async round(): Promise<void> {
    for (let i = 0; i < batchesPerRound; i++) {
      const seq = ++this.#seq;
      this.#tell(encodeBatch(batchOf(seq), this.#name, seq));
    }
    const steps = unpackSteps(packSteps(this.#arrived));
    this.#arrived = [];
    this.#runner.accept(steps);
    await nextTurn();
    if (this.#acknowledged.length !== stepsPerRound)
      throw new Error(`${this.#acknowledged.length} of ${stepsPerRound} results came`);
    const lease_ids = this.#acknowledged;
    this.#acknowledged = [];
    this.#tell(encodeControl(this.#name, { ...said, type: "result_ack", lease_ids, timeout_ids: [] }));
  }

  #tell(frame: Frame): void {
    this.messages++;
    this.#session.receive(Buffer.from(frame));
  }

  #hear(frame: Buffer): void {
    this.messages++;
    if (topicOf(frame) !== topics.results) return;
    for (const { metadata } of decodeResults(frame).results) this.#acknowledged.push(metadata.lease_id!);
  }
}

/** The same work as `WireLoop.round` in the bare pipeline. */
export function bareRound(): void {
  const output = JSON.parse(payload(0)) as unknown;
  for (let i = 0; i < batchesPerRound; i++) {
    const requests = Array.from(
      { length: stepsPerBatch },
      (_, index) => `{"step_id":${i * stepsPerBatch + index},"handler_class":"noop","task_context":${payload(0)}}`,
    );
    const results = Buffer.from(
      answer(Buffer.from(`${stepsTopic}{"batch_id":"b${i}","steps":[${requests.join(",")}]}`), output),
    );
    const { results: items } = JSON.parse(results.toString("utf8", resultsTopic.length)) as { results: unknown[] };
    if (items.length !== stepsPerBatch) throw new Error(`${items.length} of ${stepsPerBatch} results came`);
  }
}

const staticJson = staticStepJson("step_1", "noop", "{}");

function batchOf(seq: number): OutgoingBatch {
  const steps = Array.from({ length: stepsPerBatch }, (_, index) => {
    const stepId = seq * stepsPerBatch + index;
    return {
      stepId,
      taskId: stepId,
      staticJson,
      context: payload(0),
      previousResults: "{}",
      leaseId: `lease-${stepId}`,
      attempt: 1,
      retryLimit: 3,
      timeoutMs: 30_000,
      idempotencyKey: `01234567-89ab-cdef-0123-456789abcdef:step_1:${stepId}`,
      taskUuid: "01234567-89ab-cdef-0123-456789abcdef",
    };
  });
  return { batchId: `b${seq}`, steps };
}

/** So that a slow machine does the same work: a burst never takes too long, nothing is ever due. */
function standingClock(): number {
  return 0;
}

function unexpected(): never {
  throw new Error("nobody asked for this");
}
