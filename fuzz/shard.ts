/** A thread that runs its share of the rounds, and tells how far it is and how much memory it has. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort, workerData } from "node:worker_threads";
import { Verdicts } from "./decoders.ts";
import { RoundFailure, runRound } from "./round.ts";

export interface ShardPlan {
  readonly firstSeed: number;
  /** From one seed to the next: the number of threads. */
  readonly stride: number;
  /** It ends with the round that reaches so many. */
  readonly messages: number;
  /** Where the seed of the round that runs is written, for whoever finds this thread hanging. */
  readonly current: BigInt64Array;
}

export interface ShardReport {
  readonly messages: number;
  readonly rounds: number;
  readonly verdicts: ReadonlyMap<string, number>;
  /** After a full collection: once warm, and now. */
  readonly heapBytes: { readonly warm: number; readonly now: number };
  readonly failure: string | null;
  readonly done: boolean;
}

const reportEveryMs = 1_000;
/** So many rounds until everything is compiled and every table has been built. */
const warmRounds = 100;

run(workerData as ShardPlan);

function run({ firstSeed, stride, messages, current }: ShardPlan): void {
  // Most messages are refused, and a third of all time would go into stacks. `make fuzz SEED=n` shows them.
  Error.stackTraceLimit = 0;
  const collect = collector();
  const verdicts = new Verdicts();
  let [done, rounds, warm, reportedAt] = [0, 0, 0, performance.now()];
  const report = (failure: string | null, isDone: boolean) => {
    if (isDone) collect();
    const heapBytes = { warm, now: process.memoryUsage().heapUsed };
    const said: ShardReport = { messages: done, rounds, verdicts: verdicts.counts, heapBytes, failure, done: isDone };
    parentPort!.postMessage(said);
  };
  for (let seed = firstSeed; done < messages; seed += stride) {
    current[0] = BigInt(seed);
    try {
      done += runRound(seed, verdicts);
    } catch (error) {
      if (!(error instanceof RoundFailure)) throw error;
      report(error.message, true);
      return;
    }
    if (++rounds === warmRounds) {
      collect();
      warm = process.memoryUsage().heapUsed;
    }
    if (performance.now() - reportedAt < reportEveryMs) continue;
    reportedAt = performance.now();
    report(null, false);
  }
  report(null, true);
}

function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
