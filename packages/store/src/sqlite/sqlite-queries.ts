/** The reading side of the embedded store, on a connection that cannot write. Every method answers at once. */
import type { DatabaseSync } from "node:sqlite";
import { compareVersions, type HistoryEvent, type TaskStatus } from "@tasker/engine";
import type {
  Page,
  Queries,
  TaskDetail,
  TaskFilter,
  TaskProgress,
  TaskSummary,
  TemplateDetail,
  TemplateSummary,
} from "../queries.ts";
import { prepareCountTasks } from "./queries/count-tasks.ts";
import { prepareGetProgress, prepareGetStatus } from "./queries/get-progress.ts";
import { prepareGetTask } from "./queries/get-task.ts";
import { prepareGetTemplate } from "./queries/get-template.ts";
import { prepareEventsOfAll, prepareEventsOfTask } from "./queries/list-events.ts";
import { listTasks } from "./queries/list-tasks.ts";
import { prepareListTemplates } from "./queries/list-templates.ts";
import { toTemplateSummary } from "./row-mapping.ts";

export class SqliteQueries implements Queries {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareStatements>;

  /** Takes a reading connection to a migrated database, until `close`. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepareStatements(database);
  }

  task(id: string): TaskDetail | null {
    return this.#inOneSnapshot(() => this.#statements.getTask(id));
  }

  status(id: string): TaskStatus | null {
    return this.#statements.getStatus(id);
  }

  progress(taskIds: readonly number[]): Map<number, TaskProgress> {
    return this.#statements.getProgress(taskIds);
  }

  tasks(filter: TaskFilter): Page<TaskSummary> {
    return this.#inOneSnapshot(() => listTasks(this.#database, filter));
  }

  events(taskId: string, afterSeq: number, limit: number): HistoryEvent[] {
    return this.#statements.eventsOfTask(taskId, afterSeq, limit);
  }

  eventsAfter(afterSeq: number, limit: number): HistoryEvent[] {
    return this.#statements.eventsOfAll(afterSeq, limit);
  }

  templates(): TemplateSummary[] {
    return this.#statements.listTemplates().map(toTemplateSummary).sort(byNameNewestFirst);
  }

  template(namespace: string, name: string, version: string | null): TemplateDetail | null {
    return this.#inOneSnapshot(() => this.#statements.getTemplate(namespace, name, version));
  }

  counts(): Record<TaskStatus, number> {
    return this.#statements.countTasks();
  }

  /** Idempotent. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  /** Several statements that see the same commits. */
  #inOneSnapshot<T>(read: () => T): T {
    this.#statements.begin.run();
    try {
      return read();
    } finally {
      this.#statements.end.run();
    }
  }
}

function prepareStatements(database: DatabaseSync) {
  return {
    begin: database.prepare("begin"),
    end: database.prepare("commit"),
    getTask: prepareGetTask(database),
    getStatus: prepareGetStatus(database),
    getProgress: prepareGetProgress(database),
    getTemplate: prepareGetTemplate(database),
    eventsOfTask: prepareEventsOfTask(database),
    eventsOfAll: prepareEventsOfAll(database),
    listTemplates: prepareListTemplates(database),
    countTasks: prepareCountTasks(database),
  };
}

function byNameNewestFirst(a: TemplateSummary, b: TemplateSummary): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return compareVersions(b.version, a.version);
}
