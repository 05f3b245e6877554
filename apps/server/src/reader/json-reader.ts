/** Joins the store's queries and the surface's views: rows in, finished JSON out. */
import type { HistoryEvent, TaskStatus } from "@tasker/engine";
import type { TaskFilter } from "@tasker/http-api";
import {
  eventPageJson,
  type TaskViewOptions,
  taskItemJson,
  taskJson,
  taskPageJson,
  templateJson,
  templatePageJson,
} from "@tasker/http-api/views";
import type { Queries, TaskProgress } from "@tasker/store";

export class JsonReader {
  readonly #queries: Queries;

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  async task(id: string, options: TaskViewOptions): Promise<string | null> {
    const task = await this.#queries.task(id);
    if (task === null) return null;
    const { steps, template } = task;
    const byIndex = new Map(steps.map(({ stepId, stepIndex }) => [stepId, stepIndex]));
    const cursors = new Map([...task.cursors].map(([stepId, cursor]) => [byIndex.get(stepId)!, cursor]));
    return taskJson({ task, steps, template, cursors }, options);
  }

  async tasks(filter: TaskFilter): Promise<string> {
    const { items, nextCursor } = await this.#queries.tasks(filter);
    const progress = await this.#queries.progress(items.map((task) => task.taskId));
    return taskPageJson(
      items.map((task) => taskItemJson(task, progressJson(progress.get(task.taskId)))),
      nextCursor,
    );
  }

  async events(id: string, after: number, limit: number): Promise<string | null> {
    const events = await this.#queries.events(id, after, limit);
    if (events.length === 0 && (await this.#queries.status(id)) === null) return null;
    return eventPageJson(events, limit);
  }

  async templates(): Promise<string> {
    return templatePageJson(await this.#queries.templates());
  }

  async template(namespace: string, name: string, version: string | null): Promise<string | null> {
    const found = await this.#queries.template(namespace, name, version);
    return found === null ? null : templateJson(found.template, found.source, found.createdAt);
  }

  /** The status is read first: if it is final, the events hold everything up to it. */
  async eventRows(
    id: string,
    after: number,
    limit: number,
  ): Promise<{ readonly events: readonly HistoryEvent[]; readonly status: TaskStatus } | null> {
    const status = await this.#queries.status(id);
    if (status === null) return null;
    return { events: await this.#queries.events(id, after, limit), status };
  }

  async allEventRows(after: number, limit: number): Promise<readonly HistoryEvent[]> {
    return this.#queries.eventsAfter(after, limit);
  }
}

function progressJson(progress: TaskProgress | undefined) {
  if (progress === undefined) return undefined;
  const { inProgress, ...rest } = progress;
  return { ...rest, in_progress: inProgress };
}
