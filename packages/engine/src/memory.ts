/**
 * All that the engine knows about active tasks. The store is the truth: after a failed commit this is thrown away and
 * read again, through the same path as at start-up.
 */
import type { Complaints } from "./complaints.ts";
import type { EngineSettings } from "./domain/limits.ts";
import type { PlanRegistry } from "./domain/plan-registry.ts";
import type { Step, Task } from "./domain/task.ts";
import type { EngineMetrics } from "./metrics.ts";
import { PayloadCache } from "./payload-cache.ts";
import type { Log, Random, Sequences } from "./ports.ts";
import { ReadyQueue } from "./ready-queue.ts";
import type { Roster } from "./roster.ts";
import { TimerHeap } from "./timer-heap.ts";

export class Memory {
  readonly tasks = new Map<string, Task>();
  /** Steps whose last lease may still be answered. */
  readonly leased = new Map<number, Step>();
  /** `in_progress`, but the worker that holds the lease has not been heard of since the start. */
  readonly orphans = new Set<Step>();
  readonly ready = new ReadyQueue();
  readonly timers = new TimerHeap();
  readonly payloads: PayloadCache;
  nextTemplateId: number;
  nextTaskId: number;
  nextStepId: number;
  nextSeq: number;

  constructor(sequences: Sequences, payloadCacheBytes: number) {
    this.nextTemplateId = sequences.templateId;
    this.nextTaskId = sequences.taskId;
    this.nextStepId = sequences.stepId;
    this.nextSeq = sequences.seq;
    this.payloads = new PayloadCache(payloadCacheBytes);
  }
}

/** What every part of the engine works with. */
export interface World {
  memory: Memory;
  readonly roster: Roster;
  readonly plans: PlanRegistry;
  readonly settings: EngineSettings;
  readonly metrics: EngineMetrics;
  readonly random: Random;
  readonly log: Log;
  /** For what peers can cause as often as they like. */
  readonly complaints: Complaints;
}
