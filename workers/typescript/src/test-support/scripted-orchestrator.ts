/**
 * An orchestrator that does only what a test tells it to, over real sockets. It welcomes who says hello and acknowledges
 * results unless it is told otherwise, and remembers everything that it hears.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ControlMessage,
  type DecodedResults,
  decodeResults,
  decodeWorkerMessage,
  encodeBatch,
  encodeControl,
  type HelloMessage,
  type Limits,
  type OutgoingStep,
  staticStepJson,
  topicOf,
  type WorkerMessage,
} from "@tasker/protocol";
import { Subscriber, XPublisher } from "zeromq";

export type Heard = WorkerMessage | ({ readonly type: "results" } & DecodedResults);
type Said = ControlMessage extends infer M
  ? M extends ControlMessage
    ? Omit<M, "protocol_version" | "orchestrator_id" | "epoch">
    : never
  : never;

export interface Script {
  welcomes: boolean;
  acknowledges: boolean;
  limits: Limits;
  heartbeatMs: number;
}

export interface StepToSend {
  readonly handler?: string;
  readonly context?: string;
  readonly config?: string;
  readonly previousResults?: string;
  readonly attempt?: number;
  readonly timeoutMs?: number;
}

export class ScriptedOrchestrator {
  readonly folder: string;
  readonly heard: Heard[] = [];
  readonly script: Script = {
    welcomes: true,
    acknowledges: true,
    heartbeatMs: 100,
    limits: {
      max_message_bytes: 16 * 1024 * 1024,
      max_output_bytes: 4 * 1024 * 1024,
      max_steps_per_batch: 10,
      max_checkpoint_bytes: 65_536,
    },
  };
  epoch = "e1";
  #publisher: XPublisher | null = null;
  #subscriber: Subscriber | null = null;
  readonly #waiting = new Set<() => void>();
  readonly #subscribed = new Set<string>();
  #batches = 0;
  #steps = 0;
  readonly #seqs = new Map<string, number>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<ScriptedOrchestrator> {
    const orchestrator = new ScriptedOrchestrator(mkdtempSync(join(tmpdir(), "tasker-worker-")));
    await orchestrator.bind();
    return orchestrator;
  }

  get endpoints(): { readonly stepsEndpoint: string; readonly resultsEndpoint: string } {
    return { stepsEndpoint: `ipc://${this.folder}/steps`, resultsEndpoint: `ipc://${this.folder}/results` };
  }

  get env(): { readonly TASKER_STEPS_ENDPOINT: string; readonly TASKER_RESULTS_ENDPOINT: string } {
    const { stepsEndpoint, resultsEndpoint } = this.endpoints;
    return { TASKER_STEPS_ENDPOINT: stepsEndpoint, TASKER_RESULTS_ENDPOINT: resultsEndpoint };
  }

  /** (Again) at the same endpoints. */
  async bind(): Promise<void> {
    const publisher = new XPublisher({ linger: 0, sendTimeout: 0, noDrop: true });
    const subscriber = new Subscriber({ linger: 0 });
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    subscriber.subscribe("results ", "worker ");
    await subscriber.bind(this.endpoints.resultsEndpoint);
    await publisher.bind(this.endpoints.stepsEndpoint);
    void this.#watch(publisher);
    void this.#listen(subscriber);
  }

  /** As if killed: the endpoints are gone, nobody is told. */
  unbind(): void {
    this.#publisher?.close();
    this.#subscriber?.close();
    this.#publisher = null;
    this.#subscriber = null;
    this.#subscribed.clear();
  }

  close(): void {
    this.unbind();
    rmSync(this.folder, { recursive: true, force: true });
  }

  // --------------------------------------------------------------------------------------------------------- saying

  say(session: string, said: Said): void {
    const message = { ...said, protocol_version: "2.0", orchestrator_id: "o1", epoch: this.epoch } as ControlMessage;
    this.sendFrame(encodeControl(session, message));
  }

  sendFrame(frame: string): void {
    void this.#publisher?.send(frame);
  }

  /** @returns the leases, and the frame, to be sent again or changed */
  sendBatch(session: string, steps: readonly StepToSend[]): { leases: string[]; frame: string; batchId: string } {
    const batchId = `batch_${this.epoch}_${++this.#batches}`;
    const seq = (this.#seqs.get(session) ?? 0) + 1;
    this.#seqs.set(session, seq);
    const outgoing = steps.map((step) => this.#outgoing(batchId, step));
    const frame = encodeBatch({ batchId, steps: outgoing }, session, seq);
    this.sendFrame(frame);
    return { leases: outgoing.map((step) => step.leaseId), frame, batchId };
  }

  #outgoing(batchId: string, step: StepToSend): OutgoingStep {
    const stepId = ++this.#steps;
    return {
      stepId,
      taskId: 1,
      staticJson: staticStepJson("a_step", step.handler ?? "echo", step.config ?? "{}"),
      context: step.context ?? "{}",
      previousResults: step.previousResults ?? "{}",
      leaseId: `${batchId}.${stepId}`,
      attempt: step.attempt ?? 1,
      retryLimit: 2,
      timeoutMs: step.timeoutMs ?? 30_000,
      idempotencyKey: `task:${stepId}`,
      taskUuid: "0190a000-0000-7000-8000-000000000000",
    };
  }

  // -------------------------------------------------------------------------------------------------------- hearing

  async #watch(publisher: XPublisher): Promise<void> {
    try {
      while (!publisher.closed) {
        const [notice] = await publisher.receive();
        const session = notice!.toString("utf8", 2).trim();
        if (notice![0] === 1) {
          this.#subscribed.add(session);
          this.say(session, { type: "rehello", reason: "unknown_session" });
        } else this.#subscribed.delete(session);
        this.#changed();
      }
    } catch {
      // Closed.
    }
  }

  async #listen(subscriber: Subscriber): Promise<void> {
    try {
      while (!subscriber.closed) {
        const [frame] = await subscriber.receive();
        this.#take(frame!);
      }
    } catch (error) {
      if (!subscriber.closed) throw error;
    }
  }

  #take(frame: Buffer): void {
    if (topicOf(frame) === "results") {
      const results = decodeResults(frame);
      this.heard.push({ type: "results", ...results });
      const lease_ids = results.results.map((result) => result.metadata.lease_id!);
      if (this.script.acknowledges) this.say(results.session!, { type: "result_ack", lease_ids });
    } else {
      const message = decodeWorkerMessage(frame);
      this.heard.push(message);
      if (message.type === "hello" && this.script.welcomes) this.#welcome(message);
    }
    this.#changed();
  }

  #welcome(hello: HelloMessage): void {
    this.say(hello.session, {
      type: "welcome",
      version: "2.0",
      codec: "json",
      heartbeat_ms: this.script.heartbeatMs,
      limits: this.script.limits,
    });
  }

  isSubscribed(session: string): boolean {
    return this.#subscribed.has(session);
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves with the first truthy answer of `find`, which is asked again whenever something is heard. */
  async until<T>(find: () => T, what: string, withinMs = 10_000): Promise<NonNullable<T>> {
    const first = find();
    if (first) return first as NonNullable<T>;
    const { promise, resolve, reject } = Promise.withResolvers<NonNullable<T>>();
    const look = () => {
      const found = find();
      if (found) resolve(found as NonNullable<T>);
    };
    const timer = setTimeout(
      () => reject(new Error(`not within ${withinMs} ms: ${what}; heard ${JSON.stringify(this.heard.slice(-5))}`)),
      withinMs,
    );
    this.#waiting.add(look);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }

  /** Everything of one kind that was heard since `from`. */
  all<K extends Heard["type"]>(type: K, from = 0): Extract<Heard, { type: K }>[] {
    return this.heard.slice(from).filter((message): message is Extract<Heard, { type: K }> => message.type === type);
  }

  /** Waits for the session of a worker that has said hello, and is subscribed. */
  async session(): Promise<string> {
    const hello = await this.until(
      () => this.all("hello").findLast((one) => this.isSubscribed(one.session)),
      "a hello",
    );
    return hello.session;
  }

  /** Waits for the results of these leases, in this order; the first one for each. */
  async results(leases: readonly string[], from = 0): Promise<DecodedResults["results"]> {
    return await this.until(() => {
      const items = this.all("results", from).flatMap((message) => message.results);
      const found = leases.map((lease) => items.find((item) => item.metadata.lease_id === lease));
      return found.every((item) => item !== undefined) ? found : null;
    }, `results of ${leases.join()}`);
  }
}
