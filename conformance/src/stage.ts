/**
 * What a case has to work with: a real orchestrator, a proxy, a worker behind it, and words for what is done and awaited.
 * Everything that it awaits ends in a `CaseFailure` that says what was expected and what came instead.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseLossless, stringifyLossless } from "@tasker/json";
import type { Codec, HeartbeatMessage, HelloMessage, RejectMessage, ResultItem } from "@tasker/protocol";
import { makeBatch, type SentBatch, type StepSpec } from "./batch.ts";
import { CaseFailure, demand, NotOffered, type Protocol } from "./case.ts";
import { Orchestrator, type TaskView, type TemplateStep } from "./orchestrator.ts";
import type { Message } from "./proxy/message.ts";
import { WireProxy } from "./proxy/proxy.ts";
import { type Ending, WorkerProcess } from "./worker-process.ts";

export interface StageSetup {
  /** What starts `tasker`. */
  readonly tasker: readonly string[];
  /** What starts the worker. */
  readonly worker: readonly string[];
  readonly protocol: Protocol;
  readonly concurrency: number;
  /** What `TASKER_CODEC` is. */
  readonly codec: Codec;
}

export interface ResultSeen {
  readonly item: ResultItem;
  readonly message: Message;
  // biome-ignore lint/suspicious/noExplicitAny: what the worker under test made of it
  readonly output: any;
  // biome-ignore lint/suspicious/noExplicitAny: what the worker under test made of it
  readonly error: any;
}

/** How long the kit waits for what has no bound of its own in the specification. */
export const patienceMs = 15_000;
const startMs = 30_000;
const shownMessages = 6;

let stages = 0;

export class Stage {
  readonly protocol: Protocol;
  readonly concurrency: number;
  readonly orchestrator: Orchestrator;
  readonly proxy: WireProxy;
  readonly folder: string;
  readonly workerId: string;
  readonly #setup: StageSetup;
  readonly #workers: WorkerProcess[] = [];
  readonly #rules: (() => void)[] = [];
  /** Batches of the case, and to which session each went. */
  #given: { readonly batch: SentBatch; session: string }[] = [];
  #mark = 0;
  #lastSeq = 0;
  #files = 0;

  private constructor(setup: StageSetup, folder: string, orchestrator: Orchestrator, proxy: WireProxy) {
    this.protocol = setup.protocol;
    this.concurrency = setup.concurrency;
    this.orchestrator = orchestrator;
    this.proxy = proxy;
    this.folder = folder;
    this.workerId = `kit-${process.pid}-${++stages}`;
    this.#setup = setup;
  }

  /** Starts the orchestrator and opens the proxy. The worker is started by `startWorker`. */
  static async open(setup: StageSetup): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), "tasker-conformance-"));
    mkdirSync(join(folder, "files"));
    const orchestrator = new Orchestrator(setup.tasker, folder);
    await orchestrator.start();
    const stage = new Stage(setup, folder, orchestrator, await WireProxy.open(orchestrator.endpoints));
    stage.proxy.rule((message) => {
      if (!message.isFromWorker && message.type === "welcome") stage.#giveAgain(message);
      return undefined;
    });
    return stage;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers.map((worker) => worker.destroy()), this.orchestrator.kill()]);
    await this.proxy.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A case begins: what came before is none of its business. */
  begin(): void {
    this.#mark = this.proxy.recording.messages.length;
  }

  /** A case ends: its rules do, and what it held back may go on. */
  end(): void {
    this.#given = [];
    for (const end of this.#rules.splice(0)) end();
    this.proxy.release();
  }

  // ---------------------------------------------------------------------------------------------------- the process

  /** Starts (another) worker process, and does not wait for it. */
  launch(env: Readonly<Record<string, string>> = {}): WorkerProcess {
    const { steps, results } = this.proxy.endpoints;
    const worker = new WorkerProcess(this.#setup.worker, {
      TASKER_STEPS_ENDPOINT: steps,
      TASKER_RESULTS_ENDPOINT: results,
      TASKER_WORKER_ID: this.workerId,
      TASKER_POOL: "default",
      TASKER_CONCURRENCY: String(this.concurrency),
      TASKER_CODEC: this.#setup.codec,
      TASKER_LOG_LEVEL: "info",
      ...env,
    });
    this.#workers.push(worker);
    return worker;
  }

  /**
   * Starts the worker with two orchestrators, of which `second` sees the other one. Ends the second one afterwards.
   *
   * @throws NotOffered when the worker says hello to the first only (C-12)
   */
  async withSecondOrchestrator(run: (second: Stage) => Promise<void>): Promise<void> {
    const second = await Stage.open(this.#setup);
    try {
      const [one, two] = [this.proxy.endpoints, second.proxy.endpoints];
      this.launch({
        TASKER_STEPS_ENDPOINT: `${one.steps},${two.steps}`,
        TASKER_RESULTS_ENDPOINT: `${one.results},${two.results}`,
      });
      const isThere = await second.proxy.recording.until(() => second.#welcomed(0), startMs);
      if (isThere === undefined) throw new NotOffered("the worker does not speak to several orchestrators");
      await run(second);
    } finally {
      await second.close();
    }
  }

  /** Starts the worker and waits until it is ready for steps (C-4). */
  async startWorker(): Promise<void> {
    const from = this.proxy.recording.messages.length;
    const worker = this.launch();
    const ready = this.protocol === "2.0" ? () => this.#welcomed(from) : () => this.#isHeard() || undefined;
    const what = this.protocol === "2.0" ? "a hello that is welcomed" : "a subscription to `steps`";
    const isReady = await this.proxy.recording.until(
      () => ready() ?? (worker.ending === null ? undefined : false),
      startMs,
    );
    if (isReady === undefined || isReady === false) {
      throw new CaseFailure(`${what} within ${startMs / 1000} s of the start`, this.#whatCame(from));
    }
    // A PUB drops what it sends until the other side's subscription has arrived: only a result shows that it has.
    if (this.protocol === "1.0") await this.done(await this.submit([{ name: "ready", handler: "conformance.echo" }]));
  }

  #welcomed(from: number): true | undefined {
    const { messages } = this.proxy.recording;
    return messages.slice(from).some(({ type, fate }) => type === "welcome" && fate === "passed") || undefined;
  }

  #isHeard(): boolean {
    const { notices } = this.proxy.recording;
    const subscribed = (name: string) => notices.some(({ kind, socket }) => kind === "subscribed" && socket === name);
    return subscribed("steps") && subscribed("results");
  }

  /** What the last worker process wrote; empty when none was started. */
  processSaid(): string {
    return this.#workers.at(-1)?.said ?? "";
  }

  /** The process that was started last. */
  get worker(): WorkerProcess {
    return this.#workers.at(-1)!;
  }

  /** Waits for the end of the worker. */
  async ended(ms = patienceMs, worker = this.worker): Promise<Ending> {
    const ending = await worker.end(ms);
    if (ending === undefined)
      throw new CaseFailure(`the worker to end within ${ms / 1000} s`, `it runs; ${this.#whatCame()}`);
    return ending;
  }

  // ------------------------------------------------------------------------------------------------- what is recorded

  /** What passed since the case began. */
  get messages(): readonly Message[] {
    return this.proxy.recording.messages.slice(this.#mark);
  }

  /** A place in the recording, for `heard` to begin at. */
  get now(): number {
    return this.proxy.recording.messages.length - this.#mark;
  }

  fromWorker(type: string): Message[] {
    return this.messages.filter((message) => message.isFromWorker && message.type === type);
  }

  /** Waits for what `find` makes of a message since the case began, or since `from`. */
  async heard<T>(
    what: string,
    find: (message: Message) => T | undefined | false,
    { ms = patienceMs, from = 0 }: { ms?: number; from?: number } = {},
  ): Promise<T> {
    let at = this.#mark + from;
    const { messages } = this.proxy.recording;
    const found = await this.proxy.recording.until(() => {
      for (; at < messages.length; at++) {
        const value = find(messages[at]!);
        if (value !== undefined && value !== false) {
          at++;
          return { value };
        }
      }
      return undefined;
    }, ms);
    if (found === undefined) throw new CaseFailure(`${what} within ${ms / 1000} s`, this.#whatCame(this.#mark + from));
    return found.value;
  }

  #whatCame(from = this.#mark): string {
    const messages = this.proxy.recording.messages.slice(from);
    const last = messages.slice(-shownMessages).map((message) => `\n    ${message.describe()}`);
    const ending = this.#workers.at(-1)?.ending;
    const end = ending ? `the worker ended (code ${ending.code}, signal ${ending.signal}); ` : "";
    return `${end}${messages.length} messages${last.length > 0 ? `, the last of them:${last.join("")}` : ""}`;
  }

  // -------------------------------------------------------------------------------------------------------- sessions

  /** The session that the orchestrator welcomed last, or the one of the last hello. */
  get session(): string {
    const { messages } = this.proxy.recording;
    const welcome = messages.findLast(({ type, fate }) => type === "welcome" && fate !== "dropped");
    if (welcome !== undefined) return welcome.topic.slice(1);
    const hello = messages.findLast((message) => message.isFromWorker && message.type === "hello");
    if (hello === undefined) throw new CaseFailure("a hello", this.#whatCame(0));
    return String(hello.json.session);
  }

  /** Waits for a hello. */
  async hello(
    what: string,
    wanted: (hello: HelloMessage) => boolean = () => true,
    options: { ms?: number; from?: number } = {},
  ): Promise<{ hello: HelloMessage; message: Message }> {
    return await this.heard(
      what,
      (message) => {
        const hello = saidOf(message, "hello");
        return hello !== undefined && wanted(hello) && { hello, message };
      },
      options,
    );
  }

  async heartbeat(
    what: string,
    wanted: (heartbeat: HeartbeatMessage) => boolean = () => true,
    options: { ms?: number; from?: number } = {},
  ): Promise<{ heartbeat: HeartbeatMessage; message: Message }> {
    return await this.heard(
      what,
      (message) => {
        const heartbeat = saidOf(message, "heartbeat");
        return heartbeat !== undefined && wanted(heartbeat) && { heartbeat, message };
      },
      options,
    );
  }

  async reject(what: string, wanted: (reject: RejectMessage) => boolean): Promise<RejectMessage> {
    return await this.heard(what, (message) => {
      const reject = saidOf(message, "reject");
      return reject !== undefined && wanted(reject) && reject;
    });
  }

  /** Sends a control message to the worker as if it were the orchestrator's. @param members as on the wire */
  tell(type: string, members: Readonly<Record<string, unknown>> = {}): Message {
    const known = this.proxy.recording.messages.findLast(({ isFromWorker, json }) => !isFromWorker && json?.epoch);
    const { orchestrator_id = "kit", epoch = "kit" } = known?.json ?? {};
    const message = { type, protocol_version: "2.0", orchestrator_id, epoch, ...members };
    return this.inject(`@${this.session} ${stringifyLossless(message)}`);
  }

  /** Sends a frame, or several as one message. */
  inject(...frames: readonly (string | Buffer)[]): Message {
    const topic = this.protocol === "2.0" ? `@${this.session}` : "steps";
    return this.proxy.inject(
      topic,
      frames.map((frame) => Buffer.from(frame)),
    );
  }

  /** Until the end of the case. See `WireProxy.rule`. */
  rule(...rules: Parameters<WireProxy["rule"]>): () => void {
    const end = this.proxy.rule(...rules);
    this.#rules.push(end);
    return end;
  }

  /** Keeps acks from the worker. @returns lets them pass again */
  withholdAcks(): () => void {
    return this.rule((message) => (!message.isFromWorker && message.type === "result_ack" ? "drop" : undefined));
  }

  // ----------------------------------------------------------------------------------------------------------- steps

  /** Sends a batch that the orchestrator knows nothing of; its leases are acknowledged like any other. */
  give(specs: readonly StepSpec[], head: { batchId?: string; rawMembers?: string; protocol?: string } = {}): SentBatch {
    const batch = this.make(specs, head);
    // A plain worker has no session.
    if (this.protocol === "2.0") this.#given.push({ batch, session: this.session });
    this.inject(batch.frame);
    return batch;
  }

  /**
   * A batch that was lost with its session goes to the next one, as the orchestrator would see to (R-41): a machine under
   * load can lose a session that no case has touched.
   */
  #giveAgain(welcome: Message): void {
    const next = welcome.topic.slice(1);
    const hello = this.proxy.recording.messages.findLast((message) => saidOf(message, "hello")?.session === next);
    const { leases, outbox } = saidOf(hello!, "hello")!;
    for (const given of this.#given) {
      const { batch, session } = given;
      const isKnown = batch.steps.some(({ leaseId }) => [...leases, ...outbox].includes(leaseId));
      if (session === next || isKnown || batch.steps.some(({ leaseId }) => this.resultsOf(leaseId).length > 0))
        continue;
      given.session = next;
      const text = batch.frame.toString();
      setImmediate(() => this.inject(`@${next}${text.slice(text.indexOf(" "))}`));
    }
  }

  /** The same, not sent yet. */
  make(specs: readonly StepSpec[], head: { batchId?: string; rawMembers?: string; protocol?: string } = {}): SentBatch {
    const topic = this.protocol === "2.0" ? `@${this.session}` : "steps";
    return makeBatch({ topic, protocol: this.protocol, seq: this.#nextSeq(), ...head }, specs);
  }

  /** Beyond every `seq` that the worker has seen; the orchestrator goes on from there (R-65). */
  #nextSeq(): number {
    for (const { isFromWorker, type, json } of this.proxy.recording.messages.slice(-100)) {
      if (!isFromWorker && type === "batch") this.#lastSeq = Math.max(this.#lastSeq, Number(json.seq ?? 0));
    }
    this.#lastSeq = Math.max(this.#lastSeq, Date.now() * 1_000);
    return ++this.#lastSeq;
  }

  /** Every result under this lease that has come since the case began. */
  resultsOf(leaseId: string): ResultSeen[] {
    return this.messages.map((message) => resultIn(message, leaseId)).filter((seen) => seen !== undefined);
  }

  /** Waits for the result of a step of a batch. */
  async result(
    batch: SentBatch,
    index = 0,
    { ms = patienceMs, from = 0, wanted = () => true as boolean, what = "a result" }: ResultOptions = {},
  ): Promise<ResultSeen> {
    const step = batch.steps[index]!;
    const lease = this.protocol === "2.0" ? step.leaseId : `${batch.batchId}.${step.stepId}`;
    return await this.heard(
      `${what} of step ${step.stepId} (lease ${lease})`,
      (message) => {
        const seen = resultIn(message, lease);
        return seen !== undefined && wanted(seen) && seen;
      },
      { ms, from },
    );
  }

  /** Waits for a result that is `completed`. @returns it */
  async completed(batch: SentBatch, index = 0, options: ResultOptions = {}): Promise<ResultSeen> {
    const seen = await this.result(batch, index, options);
    demand(
      seen.item.status === "completed",
      "a completed result",
      `${seen.item.status}: ${seen.item.error}`,
      seen.message,
    );
    return seen;
  }

  /** The worker still does what it is there for. */
  async isWell(): Promise<void> {
    const token = Math.random();
    const { output, message } = await this.completed(this.give([{ handler: "conformance.echo", context: { token } }]));
    demand(output?.token === token, `{"token":${token}}`, stringifyLossless(output) ?? "nothing", message);
  }

  // ------------------------------------------------------------------------------------------------------ real tasks

  async submit(steps: readonly TemplateStep[], context: unknown = {}): Promise<string> {
    return await this.orchestrator.submit(steps, context);
  }

  /** Waits until the task is where it stays. */
  async done(id: string, ms = patienceMs): Promise<TaskView> {
    const { task, isThere } = await this.orchestrator.until(id, ({ status }) => status !== "in_progress", ms);
    demand(isThere, `the task to end within ${ms / 1000} s`, `${describeTask(task)}; ${this.#whatCame()}`);
    return task;
  }

  /** Waits until it is completed. @throws CaseFailure when it ends otherwise */
  async completes(id: string, ms = patienceMs): Promise<TaskView> {
    const task = await this.done(id, ms);
    demand(task.status === "completed", "the task to complete", `${describeTask(task)}; ${this.#whatCame()}`);
    return task;
  }

  /** A path for a file that handlers write to. */
  file(): string {
    return join(this.folder, "files", `file_${++this.#files}`);
  }
}

export interface ResultOptions {
  readonly ms?: number;
  readonly from?: number;
  readonly wanted?: (seen: ResultSeen) => boolean;
  readonly what?: string;
}

/** The lines of a file that `conformance.record` wrote. */
export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(0, -1);
  } catch {
    return [];
  }
}

export function saidOf<T extends "hello" | "heartbeat" | "reject" | "bye" | "results">(message: Message, type: T) {
  if (!message.isFromWorker || message.type !== type) return undefined;
  const { said } = message;
  return said instanceof Error ? undefined : (said as Extract<typeof said, { type: T }>);
}

/** The result under this lease in a message, if it has one. */
export function resultIn(message: Message, leaseId: string): ResultSeen | undefined {
  const results = saidOf(message, "results");
  const item = results?.results.find(
    ({ metadata, step_id }) => (metadata.lease_id ?? `${results.batch_id}.${step_id}`) === leaseId,
  );
  if (item === undefined) return undefined;
  return { item, message, output: parseLossless(item.output), error: parseLossless(item.error) };
}

export function describeTask(task: TaskView): string {
  const steps = task.steps.map(
    ({ name, status, reason, attempt, error }) =>
      `${name} ${status}${reason === null ? "" : ` (${reason})`}, attempt ${attempt}${error === null ? "" : `, ${JSON.stringify(error)}`}`,
  );
  return `the task ${task.status}: ${steps.join("; ")}`;
}
