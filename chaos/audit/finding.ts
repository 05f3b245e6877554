/** What an auditor may find: each name is a promise that was broken. */

export const findingMeanings = {
  database_damaged: "SQLite finds the file damaged",
  task_missing: "a task was acknowledged and is not there",
  task_doubled: "one idempotency key has two tasks",
  acknowledged_differently: "the key was acknowledged with the id of another task",
  context_changed: "the context is not, byte for byte, what the client sent",
  history_gap: "the numbers of the history have a gap",
  history_differs: "replaying the history does not give the rows",
  illegal_transition: "a change of state that the table does not have",
  unfinished: "a task is neither final nor held, although the faults are over",
  wrong_outcome: "the state of the task does not follow from its steps",
  orphan_lease: "a step is in progress although nothing runs any more",
  applied_twice: "two results were accepted under one lease, or a step was completed twice",
  foreign_result: "a result was accepted under a lease that is not the step's last one",
  lease_reused: "one lease id was given twice",
  attempts_exceeded: "the step had more attempts than its template allows",
  child_before_parent: "a step began before all that it depends on had completed",
  hold_broken: "a step with on_lost: hold ran again while its outcome was in doubt",
  ran_without_lease: "a worker ran an attempt that no lease was given for",
  ran_twice: "one attempt was run twice",
  result_from_nowhere: "a result was accepted that no worker had come to",
  output_changed: "the output is not what the handler returned",
} as const;

export type FindingName = keyof typeof findingMeanings;

export interface Finding {
  readonly name: FindingName;
  /** Which task, step, lease. */
  readonly detail: string;
}

/** Collects findings. */
export class Findings {
  readonly list: Finding[] = [];

  add(name: FindingName, detail: string): void {
    this.list.push({ name, detail });
  }

  /** Adds the finding unless the condition holds. */
  must(name: FindingName, holds: boolean, detail: () => string): void {
    if (!holds) this.add(name, detail());
  }
}
