/** Spreads rounds over threads, watches them, and adds up what they say. */
import { startThread } from "@tasker/threads";
import type { ShardPlan, ShardReport } from "./shard.ts";

export interface FuzzPlan {
  readonly firstSeed: number;
  readonly messages: number;
  readonly threads: number;
  readonly onProgress?: (messages: number) => void;
}

export interface FuzzOutcome {
  readonly messages: number;
  readonly rounds: number;
  readonly ms: number;
  readonly verdicts: ReadonlyMap<string, number>;
  /** Of each thread, after full collections: once warm, and at the end. */
  readonly heaps: readonly { readonly warm: number; readonly now: number }[];
  /** What broke; empty when nothing did. */
  readonly failures: readonly string[];
}

/** A thread whose heap outgrows this is ended: memory is bounded, whatever comes. */
const heapLimitMb = 256;
/** What a heap may have grown by at the end, collections and compiled code included. */
const growthLimitBytes = 24 * 1024 * 1024;
/** A round takes some milliseconds. */
const hangMs = 60_000;

export async function fuzz({ firstSeed, messages, threads, onProgress }: FuzzPlan): Promise<FuzzOutcome> {
  const startedAt = performance.now();
  const latest: ShardReport[] = [];
  const failures: string[] = [];
  const shards = Array.from({ length: threads }, (_, index) =>
    runShard(firstSeed + index, threads, Math.ceil(messages / threads), (report) => {
      latest[index] = report;
      onProgress?.(sum(latest.filter(Boolean), (one) => one.messages));
    }).catch((error: Error) => void failures.push(error.message)),
  );
  await Promise.all(shards);
  for (const { failure, heapBytes } of latest.filter(Boolean)) {
    if (failure !== null) failures.push(failure);
    else if (heapBytes.warm > 0 && heapBytes.now - heapBytes.warm > growthLimitBytes)
      failures.push(`the heap grew from ${heapBytes.warm} to ${heapBytes.now} bytes`);
  }
  return {
    messages: sum(latest, (one) => one.messages),
    rounds: sum(latest, (one) => one.rounds),
    ms: performance.now() - startedAt,
    verdicts: added(latest),
    heaps: latest.map(({ heapBytes }) => heapBytes),
    failures,
  };
}

/** @throws Error when it hangs or runs out of memory */
function runShard(
  firstSeed: number,
  stride: number,
  messages: number,
  hear: (report: ShardReport) => void,
): Promise<void> {
  const current = new BigInt64Array(new SharedArrayBuffer(8));
  const plan: ShardPlan = { firstSeed, stride, messages, current };
  const thread = startThread(new URL("./shard.ts", import.meta.url), {
    workerData: plan,
    resourceLimits: { maxOldGenerationSizeMb: heapLimitMb },
  });
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      void thread.terminate();
      reject(new Error(`seed ${current[0]}: ${what}\nagain, frame by frame: make fuzz SEED=${current[0]}`));
    };
    let watch = setTimeout(() => fail("hangs"), hangMs);
    thread.on("message", (report: ShardReport) => {
      clearTimeout(watch);
      if (!report.done) watch = setTimeout(() => fail("hangs"), hangMs);
      hear(report);
    });
    thread.on("error", (error) => fail(error.message));
    thread.on("exit", () => {
      clearTimeout(watch);
      resolve();
    });
  });
}

function added(reports: readonly ShardReport[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const { verdicts } of reports)
    for (const [verdict, count] of verdicts) all.set(verdict, (all.get(verdict) ?? 0) + count);
  return all;
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0);
}
