/**
 * Runs the cases against a worker: several stages at once, each with an orchestrator and a worker process of its own. A
 * case that failed has spoilt its stage, so the next one gets a new one.
 */
import { availableParallelism } from "node:os";
import { type Case, CaseFailure, NotOffered, type Protocol } from "./case.ts";
import { cases } from "./cases/index.ts";
import { requiredHandlers } from "./handlers.ts";
import { invariants } from "./invariants.ts";
import type { Outcome, Report } from "./report/report.ts";
import { Stage } from "./stage.ts";

export interface RunOptions {
  /** What starts `tasker`, e.g. `["node", "apps/cli/bin/tasker.js"]`. */
  readonly tasker: readonly string[];
  /** What starts the worker. */
  readonly worker: readonly string[];
  readonly protocol: Protocol;
  /** Only cases of these names, or topics (`drain`); empty: all. */
  readonly names: readonly string[];
  /** Stages at once; by default as many as this machine carries. */
  readonly lanes?: number;
  /** Ends everything that was started; what has not been run is not reported. */
  readonly signal: AbortSignal;
  /** Called when a case is over. */
  onOutcome(outcome: Outcome): void;
}

const defaultConcurrency = 4;
/** Waiting is most of what a stage does. */
const stagesPerProcessor = 3;
const sharedStages = 3;
const longestCaseMs = 120_000;
const shownSaid = 4_000;

/** @throws Error when no case has such a name */
export function chooseCases(protocol: Protocol, names: readonly string[]): readonly Case[] {
  const spoken = cases.filter(({ protocols }) => protocols.includes(protocol));
  if (names.length === 0) return spoken;
  const isMeant = (name: string) => names.some((wanted) => name === wanted || name.startsWith(`${wanted}/`));
  return spoken.filter(({ name }) => isMeant(name));
}

export async function runConformance(options: RunOptions): Promise<Report> {
  const startedAt = performance.now();
  const run = new Run(options);
  options.signal.addEventListener("abort", () => run.abandon());
  const chosen = chooseCases(options.protocol, options.names);
  const shared = chosen.filter(({ alone }) => alone !== true);
  const units = [
    ...chosen.filter(({ alone }) => alone === true).map((one) => () => run.runAlone(one)),
    ...Array.from({ length: Math.min(sharedStages, shared.length) }, () => () => run.runShared(shared)),
  ];
  // The shared ones last longest.
  units.reverse();
  const lanes = options.lanes ?? Math.max(4, availableParallelism() * stagesPerProcessor);
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < units.length && !options.signal.aborted) await units[next++]!();
    }),
  );
  const order = new Map(chosen.map(({ name }, index) => [name, index]));
  const outcomes = run.outcomes.toSorted((a, b) => order.get(a.name)! - order.get(b.name)!);
  return {
    protocol: options.protocol,
    command: options.worker,
    outcomes: [...outcomes, ...run.standing()],
    tookMs: performance.now() - startedAt,
  };
}

class Run {
  readonly outcomes: Outcome[] = [];
  readonly #options: RunOptions;
  readonly #waiting: Case[] = [];
  readonly #broken = new Map<string, { failure: CaseFailure; during: string }>();
  readonly #stages = new Set<Stage>();
  #isShareStarted = false;
  #handlers: readonly string[] | null = null;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  async runAlone(one: Case): Promise<void> {
    await this.#onStage(one, one.startsWorker !== true, async (stage) => {
      await this.#run(one, stage);
      return null;
    });
  }

  /** Several of these take cases from one list until it is empty. */
  async runShared(shared: readonly Case[]): Promise<void> {
    if (!this.#isShareStarted) this.#waiting.push(...shared);
    this.#isShareStarted = true;
    for (let one = this.#waiting.shift(); one !== undefined; one = this.#waiting.shift()) {
      const first = one;
      await this.#onStage(first, true, async (stage) => {
        for (let next: Case | undefined = first; next !== undefined; next = this.#waiting.shift()) {
          if (!(await this.#run(next, stage))) return;
        }
      });
    }
  }

  /** @param one is reported as failed when the stage cannot be set up, and says what it is like */
  async #onStage(one: Case, starts: boolean, use: (stage: Stage) => Promise<unknown>): Promise<void> {
    const { tasker, worker, protocol } = this.#options;
    const { concurrency = defaultConcurrency, codec = "json" } = one;
    const stage = await Stage.open({ tasker, worker, protocol, concurrency, codec });
    this.#stages.add(stage);
    try {
      const startedAt = performance.now();
      const failure = starts ? await failureOf(() => this.#start(stage, codec)) : null;
      if (failure !== null) this.#report(one, failure, startedAt, stage);
      else await use(stage);
    } finally {
      this.#inspect(stage, one.name);
      this.#stages.delete(stage);
      await stage.close();
    }
  }

  /** Ends every process that was started. */
  abandon(): void {
    this.#waiting.length = 0;
    for (const stage of this.#stages) void stage.close();
  }

  async #start(stage: Stage, codec: string): Promise<void> {
    await stage.startWorker();
    if (stage.protocol === "1.0") return;
    const { hello, message } = await stage.hello("a hello");
    if (!hello.codecs.includes(codec)) throw new NotOffered(`the worker does not speak ${codec}`);
    this.#handlers = hello.handlers;
    const missing = requiredHandlers["2.0"].filter((name) => !hello.handlers.includes(name));
    if (missing.length > 0) throw new CaseFailure("every required handler (C-9)", `no ${missing.join(", ")}`, message);
  }

  /** @returns whether the stage can be used on */
  async #run(one: Case, stage: Stage): Promise<boolean> {
    const missing = (one.needs ?? []).filter((name) => this.#handlers !== null && !this.#handlers.includes(name));
    const startedAt = performance.now();
    stage.begin();
    const failure =
      missing.length > 0
        ? new NotOffered(`the worker does not offer ${missing.join(", ")}`)
        : await failureOf(() => inTime(one.run(stage)));
    stage.end();
    const left = failure === null && one.alone !== true ? await failureOf(() => leavesNothing(stage)) : null;
    this.#report(one, failure ?? left, startedAt, stage);
    return (failure === null && left === null) || failure instanceof NotOffered;
  }

  #report({ name, clauses }: Case, failure: Error | null, startedAt: number, stage: Stage): void {
    const outcome: Outcome = {
      name,
      clauses,
      status: failure === null ? "passed" : failure instanceof NotOffered ? "not_offered" : "failed",
      failure: failure === null ? null : describe(failure, stage),
      tookMs: performance.now() - startedAt,
    };
    this.outcomes.push(outcome);
    this.#options.onOutcome(outcome);
  }

  /** Looks through what passed on a stage for what must never be. */
  #inspect(stage: Stage, during: string): void {
    for (const { name, protocols, check } of invariants) {
      if (!protocols.includes(stage.protocol) || this.#broken.has(name)) continue;
      try {
        check(stage.proxy.recording, stage.concurrency);
      } catch (error) {
        if (!(error instanceof CaseFailure)) throw error;
        this.#broken.set(name, { failure: error, during });
      }
    }
  }

  /** The outcomes of what must always hold. */
  standing(): Outcome[] {
    return invariants
      .filter(({ protocols }) => protocols.includes(this.#options.protocol))
      .map(({ name, clauses }) => {
        const broken = this.#broken.get(name);
        const outcome: Outcome = {
          name,
          clauses,
          status: broken === undefined ? "passed" : "failed",
          failure:
            broken === undefined
              ? null
              : { ...describe(broken.failure, null), during: `the stage of ${broken.during}` },
          tookMs: 0,
        };
        this.#options.onOutcome(outcome);
        return outcome;
      });
  }
}

/** A case of a shared stage leaves no step behind. */
async function leavesNothing(stage: Stage): Promise<void> {
  if (stage.protocol === "1.0") return;
  await stage.heartbeat(
    "the worker to hold nothing and be free again after the case: a heartbeat that says so",
    ({ leases, capacity }) => leases.length === 0 && capacity === stage.concurrency,
    { from: stage.now },
  );
}

async function failureOf(run: () => Promise<void>): Promise<Error | null> {
  try {
    await run();
    return null;
  } catch (error) {
    return error as Error;
  }
}

async function inTime(run: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new CaseFailure(`the case to be over in ${longestCaseMs / 1000} s`, "it is not");
    timer = setTimeout(reject, longestCaseMs, error);
  });
  await Promise.race([run, late]).finally(() => clearTimeout(timer));
}

function describe(failure: Error, stage: Stage | null): NonNullable<Outcome["failure"]> {
  const isOurs = failure instanceof CaseFailure || failure instanceof NotOffered;
  return {
    expected: failure instanceof CaseFailure ? failure.expected : "",
    got: failure instanceof CaseFailure ? failure.got : isOurs ? failure.message : String(failure.stack),
    frame: failure instanceof CaseFailure ? failure.frame : null,
    during: null,
    said: stage?.processSaid().slice(-shownSaid) ?? "",
  };
}
