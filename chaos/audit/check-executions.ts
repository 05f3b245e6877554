/**
 * What workers did is what they had leases for, and what was accepted is what they did. Handlers of the runs write their
 * logs themselves (`chaos.*`); of others nothing is known here, and nothing is checked.
 */
import type { ExecutionLine } from "../logs.ts";
import type { Findings } from "./finding.ts";
import type { Lease, ReplayedStep, ReplayedTask } from "./replay.ts";

/** One attempt as workers logged it. */
interface Execution {
  readonly started: ExecutionLine[];
  readonly ended: ExecutionLine[];
}

export interface ExecutionTotals {
  readonly executions: number;
  /** Begun, and never ended: their worker died, or was told to stop. */
  readonly cutShort: number;
}

export class ExecutionBook {
  readonly #attempts = new Map<string, Execution>();
  readonly totals: ExecutionTotals;

  constructor(lines: readonly ExecutionLine[]) {
    for (const line of lines) {
      const key = keyOf(line.task, line.step, line.attempt);
      const execution = this.#attempts.get(key) ?? { started: [], ended: [] };
      this.#attempts.set(key, execution);
      execution[line.event].push(line);
    }
    const started = lines.filter(({ event }) => event === "started").length;
    this.totals = { executions: started, cutShort: started - (lines.length - started) };
  }

  /** The attempts of one task, by the task's UUID or by its number. */
  find(task: ReplayedTask, step: string, attempt: number): Execution {
    const { id, taskId } = task.task.detail;
    const byUuid = this.#attempts.get(keyOf(id, step, attempt));
    const byNumber = this.#attempts.get(keyOf(taskId, step, attempt));
    return {
      started: [...(byUuid?.started ?? []), ...(byNumber?.started ?? [])],
      ended: [...(byUuid?.ended ?? []), ...(byNumber?.ended ?? [])],
    };
  }

  /** Every attempt that was begun has a lease. */
  checkLeases(tasks: readonly ReplayedTask[], findings: Findings): void {
    const leased = new Set<string>();
    for (const { task, steps } of tasks) {
      for (const [name, { leases }] of steps) {
        for (const { attempt } of leases) {
          leased.add(keyOf(task.detail.id, name, attempt));
          leased.add(keyOf(task.detail.taskId, name, attempt));
        }
      }
    }
    for (const key of this.#attempts.keys()) findings.must("ran_without_lease", leased.has(key), () => key);
  }
}

export function checkExecutions(task: ReplayedTask, book: ExecutionBook, findings: Findings): void {
  for (const step of task.steps.values()) {
    if (!step.account.template.handler.startsWith("chaos.")) continue;
    for (const lease of step.leases) if (!lease.returned) checkLease(task, step, lease, book, findings);
    checkParents(task, step, book, findings);
  }
}

function checkLease(
  task: ReplayedTask,
  { account }: ReplayedStep,
  lease: Lease,
  book: ExecutionBook,
  findings: Findings,
): void {
  const name = `${task.task.detail.id}/${account.name} attempt ${lease.attempt}`;
  const { started, ended } = book.find(task, account.name, lease.attempt);
  findings.must("ran_twice", started.length <= 1, () => `${name} by ${started.map(({ worker }) => worker).join(", ")}`);
  if (lease.accepted !== "completed") return;
  const returned = ended.some(({ outcome }) => outcome === "completed");
  findings.must("result_from_nowhere", returned, () => name);
  const output = JSON.parse(account.row?.output ?? "null") as { attempt?: number } | null;
  findings.must("output_changed", output?.attempt === lease.attempt, () => `${name}: ${account.row?.output}`);
}

/** By the workers' own clocks, which are one machine's: no attempt began before every parent had ended. */
function checkParents(task: ReplayedTask, step: ReplayedStep, book: ExecutionBook, findings: Findings): void {
  const begun = step.leases.flatMap(({ attempt }) => book.find(task, step.account.name, attempt).started);
  if (begun.length === 0) return;
  const first = Math.min(...begun.map(({ at }) => at));
  for (const parent of step.account.template.depends_on) {
    const lease = task.steps.get(parent)!.leases.find(({ accepted }) => accepted === "completed");
    if (lease === undefined) continue;
    const ended = book.find(task, parent, lease.attempt).ended.map(({ at }) => at);
    const inOrder = ended.length === 0 || Math.min(...ended) <= first;
    findings.must("child_before_parent", inOrder, () => `${task.task.detail.id}/${step.account.name} before ${parent}`);
  }
}

function keyOf(task: string | number, step: string, attempt: number): string {
  return `${task}/${step} attempt ${attempt}`;
}
