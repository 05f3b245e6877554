/** The ids by which people and programs name tasks: UUIDs. */
import { TaskerError } from "@tasker/engine";

/** @throws TaskerError `task_not_found`: nothing has such an id, so nobody needs to be asked */
export function readTaskId(text: string): string {
  const id = text.toLowerCase();
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  throw taskNotFound(text);
}

export function taskNotFound(id: string): TaskerError {
  return new TaskerError("task_not_found", `no task has the id ${JSON.stringify(id)}`, {
    hint: "Ids are UUIDs; `GET /v1/tasks` lists the tasks that there are.",
  });
}
