/** `tasker task events`: the history of a task, every transition in order. */
import { rawElements, rawMembers } from "@tasker/json";
import { type ClientOptions, clientOf } from "../../client-options.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { path, query } from "../../http/server-client.ts";
import type { Shell } from "../../shell.ts";
import type { TaskEvent } from "../../task-json.ts";
import { eventLine } from "../../view/plain-lines.ts";
import { oneLine } from "../../view/text.ts";

export interface TaskEventsOptions extends ClientOptions {
  readonly after?: number;
  readonly limit?: number;
}

const pageItems = 1_000;

export async function taskEvents(shell: Shell, id: string, options: TaskEventsOptions): Promise<ExitCode> {
  const client = clientOf(shell, options);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let after: string | number = options.after ?? 0;
  while (left > 0) {
    const page = query({ after, limit: Math.min(left, pageItems) });
    const { text } = await client.get(`${path("tasks", id, "events")}${page}`);
    const events = itemTexts(text);
    const lines = events.map((json) => (options.json ? oneLine(json) : eventLine(JSON.parse(json) as TaskEvent)));
    if (lines.length > 0) shell.out.write(`${lines.join("\n")}\n`);
    const { next_cursor } = JSON.parse(text) as { next_cursor: string | null };
    if (next_cursor === null) break;
    after = next_cursor;
    left -= events.length;
  }
  return exitCodes.ok;
}

/** The items of a page, each as the server wrote it. */
function itemTexts(page: string): string[] {
  const items = rawMembers(page).get("items");
  return items === undefined ? [] : rawElements(page, items.start).map(({ start, end }) => page.slice(start, end));
}
