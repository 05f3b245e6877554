/** What the database says, task by task: its row, the rows of its steps, its history. */
import type { HistoryEvent, StepRow, StepTemplate } from "@tasker/engine";
import { openQueries, type Queries, type TaskDetail } from "@tasker/store";

export interface StepAccount {
  readonly name: string;
  readonly template: StepTemplate;
  /** Null: never leased, nor cancelled. */
  readonly row: StepRow | null;
}

export interface TaskAccount {
  readonly detail: TaskDetail;
  /** In order. */
  readonly events: readonly HistoryEvent[];
  readonly steps: ReadonlyMap<string, StepAccount>;
}

export interface Accounts {
  readonly tasks: readonly TaskAccount[];
  readonly byId: ReadonlyMap<string, TaskAccount>;
  /** Of the whole history, in order. */
  readonly events: readonly HistoryEvent[];
}

const pageItems = 1_000;

/** @throws TaskerError `database_unusable` */
export async function readAccounts(database: string): Promise<Accounts> {
  const queries = openQueries({ database });
  try {
    const events = await readHistory(queries);
    const byTask = Map.groupBy(events, ({ task_id }) => task_id);
    const tasks: TaskAccount[] = [];
    for (const id of await readIds(queries)) {
      const detail = (await queries.task(id))!;
      tasks.push({ detail, events: byTask.get(id) ?? [], steps: stepsOf(detail) });
    }
    return { tasks, events, byId: new Map(tasks.map((task) => [task.detail.id, task])) };
  } finally {
    await queries.close();
  }
}

async function readHistory(queries: Queries): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  for (let after = 0; ; ) {
    const page = await queries.eventsAfter(after, pageItems);
    events.push(...page);
    if (page.length < pageItems) return events;
    after = page.at(-1)!.seq;
  }
}

/** Oldest first. */
async function readIds(queries: Queries): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = null; ; ) {
    const page = await queries.tasks({ limit: pageItems, cursor });
    ids.push(...page.items.map(({ id }) => id));
    if (page.nextCursor === null) return ids.reverse();
    cursor = page.nextCursor;
  }
}

function stepsOf(detail: TaskDetail): ReadonlyMap<string, StepAccount> {
  const rows = new Map(detail.steps.map((row) => [row.stepIndex, row]));
  const { steps } = detail.template;
  return new Map(
    steps.map((template, index) => [template.name, { name: template.name, template, row: rows.get(index) ?? null }]),
  );
}
