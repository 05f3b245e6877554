/**
 * The last look, when everything is at rest: what a reader finds in the database is what was committed, every promise
 * was kept, and nobody holds a slot, a lease or a result any more.
 */
import type { StepRow } from "@tasker/engine";
import { openQueries, openStore, type Queries, type TaskDetail } from "@tasker/store";
import type { Judge } from "./judge.ts";
import type { TaskAccount } from "./ledger.ts";
import { must } from "./violation.ts";

const page = 1_000;

export async function judgeTheEnd(judge: Judge, database: string): Promise<void> {
  // Opened once more, as by a next incarnation: what is committed and not published yet is in the turn log.
  await (await openStore({ database })).close();
  const queries = await openQueries({ database });
  const { ledger, accepted } = judge;
  const details = new Map<string, TaskDetail | null>();
  for (const id of ledger.tasksByUuid.keys()) details.set(id, await queries.task(id));
  const history = await readHistory(queries);
  await queries.close();
  judge.check(() => {
    for (const id of accepted) must("accepted-tasks-exist", details.get(id) != null, () => `task ${id} is gone`);
    for (const [id, account] of ledger.tasksByUuid) compareTask(account, details.get(id) ?? null);
    must(
      "history-is-complete",
      history === ledger.nextSeq - 1,
      () => `${history} events, ${ledger.nextSeq - 1} committed`,
    );
  });
}

/** @returns how many events there are; they are numbered without a gap */
async function readHistory(queries: Queries): Promise<number> {
  for (let last = 0; ; ) {
    const events = await queries.eventsAfter(last, page);
    for (const { seq } of events) must("sequence-has-no-gap", seq === ++last, () => `event ${seq} stands at ${last}`);
    if (events.length < page) return last;
  }
}

function compareTask(account: TaskAccount, detail: TaskDetail | null): void {
  const { row } = account;
  must("rows-as-committed", detail !== null, () => `task ${row.taskId} is gone`);
  const { status, reason, context, finishedAt, idempotencyKey, priority } = detail;
  const found = JSON.stringify({ status, reason, context, finishedAt, idempotencyKey, priority });
  const { status: s, reason: r, context: c, finishedAt: f, idempotencyKey: k, priority: p } = row;
  const kept = JSON.stringify({ status: s, reason: r, context: c, finishedAt: f, idempotencyKey: k, priority: p });
  must("rows-as-committed", found === kept, () => `task ${row.taskId} is ${found}, committed was ${kept}`);
  const rows = new Map(detail.steps.map((step) => [step.stepIndex, step]));
  for (const step of account.steps.values()) compareStep(step.row, rows.get(step.index) ?? null);
}

function compareStep(kept: StepRow | null, found: StepRow | null): void {
  const [a, b] = [kept, found].map((row) => row && JSON.stringify(row, Object.keys(row).sort()));
  must("rows-as-committed", a === b, () => `a step is ${b}, committed was ${a}`);
}
