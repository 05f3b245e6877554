/**
 * What handlers saved, what was confirmed to them, and what the next attempt is given: at least what was confirmed, byte
 * for byte, and nothing that this step never saved.
 */
import type { SettledCheckpoint, TurnRecord } from "@tasker/engine";
import { must } from "./violation.ts";

/** A step's attempt, as its worker got it. */
interface Attempt {
  readonly leaseId: string;
  readonly attempt: number;
  readonly cursor: string | null;
}

/** Later attempts are newer, and in one attempt later cursors. */
interface Rank {
  readonly attempt: number;
  readonly number: number;
}

export class CheckpointJudge {
  readonly #saved = new Map<string, Map<string, Rank>>();
  readonly #confirmed = new Map<string, Rank[]>();
  /** By lease: the highest number that is durable. */
  readonly #durable = new Map<string, number>();

  committed({ checkpoints }: TurnRecord): void {
    for (const { leaseId, seq } of checkpoints) this.#durable.set(leaseId, seq);
  }

  /** The orchestrator tells a worker what became of its cursors. */
  settled(settled: readonly SettledCheckpoint[]): void {
    for (const { leaseId, seq, refused } of settled) {
      const durable = this.#durable.get(leaseId) ?? 0;
      must(
        "commit-before-effects",
        refused !== null || durable >= seq,
        () => `checkpoint ${seq} of ${leaseId} is confirmed, and ${durable} is durable`,
      );
    }
  }

  saved({ leaseId, attempt }: Attempt, number: number, cursor: string): void {
    const step = stepOf(leaseId);
    const saved = this.#saved.get(step) ?? new Map<string, Rank>();
    this.#saved.set(step, saved.set(cursor, { attempt, number }));
  }

  confirmed({ leaseId, attempt }: Attempt, number: number): void {
    const step = stepOf(leaseId);
    this.#confirmed.set(step, [...(this.#confirmed.get(step) ?? []), { attempt, number }]);
  }

  /** An attempt begins. What later attempts have saved by now does not count: its batch may have been under way for long. */
  begins({ leaseId, attempt, cursor }: Attempt): void {
    const step = stepOf(leaseId);
    const given = cursor === null ? null : this.#saved.get(step)?.get(cursor);
    must("payloads-unchanged", given !== undefined, () => `${leaseId} is given ${cursor}, which its step never saved`);
    for (const owed of this.#confirmed.get(step) ?? []) {
      if (owed.attempt >= attempt) continue;
      must(
        "checkpoints-kept",
        given !== null && given !== undefined && isAsNew(given, owed),
        () =>
          `${leaseId}, attempt ${attempt}, is given ${cursor}; ${owed.number} of attempt ${owed.attempt} was confirmed`,
      );
    }
  }
}

function isAsNew(given: Rank, owed: Rank): boolean {
  return given.attempt > owed.attempt || (given.attempt === owed.attempt && given.number >= owed.number);
}

function stepOf(leaseId: string): string {
  return leaseId.slice(leaseId.lastIndexOf(".") + 1);
}
