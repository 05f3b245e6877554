/**
 * What handlers really did, seen from outside: every start and every end, by lease. The judge of "executed", "not
 * executed again" and "this output came from there".
 */

export type Ending = "running" | "completed" | "failed" | "killed";

export interface Execution {
  readonly leaseId: string;
  readonly taskId: number;
  readonly stepName: string;
  readonly worker: string;
  readonly protocol: "1.0" | "2.0";
  readonly startedAt: number;
  ending: Ending;
  /** JSON text, when it completed. */
  output: string | null;
}

export class Executions {
  readonly #byLease = new Map<string, Execution[]>();
  readonly #byStep = new Map<string, Execution[]>();
  started = 0;

  start(begun: Omit<Execution, "ending" | "output">): Execution {
    const execution: Execution = { ...begun, ending: "running", output: null };
    this.started++;
    append(this.#byLease, execution.leaseId, execution);
    append(this.#byStep, `${execution.taskId}/${execution.stepName}`, execution);
    return execution;
  }

  underLease(leaseId: string): readonly Execution[] {
    return this.#byLease.get(leaseId) ?? [];
  }

  ofStep(taskId: number, stepName: string): readonly Execution[] {
    return this.#byStep.get(`${taskId}/${stepName}`) ?? [];
  }

  /** Its process died: whatever ran there has no end. */
  killed(worker: string): void {
    for (const executions of this.#byLease.values()) {
      for (const execution of executions)
        if (execution.worker === worker && execution.ending === "running") execution.ending = "killed";
    }
  }
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
