/** An executor whose workers are the test: it keeps what the engine sends, and the test answers. */
import type { Batch, Executor, SettledCheckpoint, StepRequest, StepResult, WorkerInfo } from "@tasker/engine";

export class RecordingExecutor implements Executor {
  readonly kind = "zeromq";
  readonly batches: { readonly key: string; readonly batch: Batch }[] = [];
  readonly acknowledged: string[] = [];
  readonly acknowledgedTimeouts: string[] = [];
  readonly settledCheckpoints: SettledCheckpoint[] = [];
  readonly cancelled: string[] = [];

  dispatch(key: string, batch: Batch): void {
    this.batches.push({ key, batch });
  }

  acknowledge(_key: string, leaseIds: readonly string[]): void {
    this.acknowledged.push(...leaseIds);
  }

  acknowledgeTimeouts(_key: string, leaseIds: readonly string[]): void {
    this.acknowledgedTimeouts.push(...leaseIds);
  }

  settleCheckpoints(_key: string, checkpoints: readonly SettledCheckpoint[]): void {
    this.settledCheckpoints.push(...checkpoints);
  }

  cancel(_key: string, leaseIds: readonly string[]): void {
    this.cancelled.push(...leaseIds);
  }

  drain(): void {}

  /** All requests sent so far, oldest first; and forgets them. */
  take(): StepRequest[] {
    return this.batches.splice(0).flatMap(({ batch }) => [...batch.steps]);
  }
}

export function buildWorker(executor: Executor, info: Partial<WorkerInfo> = {}): WorkerInfo {
  return {
    key: "w1-00000000",
    executor,
    workerId: "w1",
    protocol: "2.0",
    language: "test",
    sdk: "test",
    version: "1",
    pool: "default",
    handlers: ["work"],
    capacity: 10,
    oneBatchAtATime: false,
    batchPrefix: "batch_",
    heldLeases: [],
    ...info,
  };
}

export function completed(request: { stepId: number; leaseId: string }, output = "{}"): StepResult {
  return { ...result(request), outcome: "completed", output };
}

export function failed(request: { stepId: number; leaseId: string }, rest: Partial<StepResult> = {}): StepResult {
  return { ...result(request), outcome: "failed", error: '{"message":"no"}', ...rest };
}

function result({ stepId, leaseId }: { stepId: number; leaseId: string }): Omit<StepResult, "outcome"> {
  return {
    stepId,
    leaseId,
    output: null,
    error: null,
    errorCode: null,
    retryable: null,
    retryAfterMs: null,
    executionTimeMs: 1,
  };
}
