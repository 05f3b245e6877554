/** `tasker task list`: the newest tasks that match, a page at a time. */
import { type ClientOptions, clientOf, tableSize } from "../../client-options.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { path, query } from "../../http/server-client.ts";
import type { Shell } from "../../shell.ts";
import type { Page, TaskItem } from "../../task-json.ts";
import { templateName } from "../../task-json.ts";
import { styleOf } from "../../view/frame.ts";
import { type Cell, duration, table } from "../../view/text.ts";

export interface ListTasksOptions extends ClientOptions {
  readonly status?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly tag?: string;
  readonly search?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export async function listTasks(shell: Shell, options: ListTasksOptions): Promise<ExitCode> {
  const { status, namespace, name, tag, search, limit, cursor } = options;
  const filter = query({ status, namespace, name, tag, q: search, limit, cursor });
  const { text } = await clientOf(shell, options).get(`${path("tasks")}${filter}`);
  if (options.json) {
    shell.out.write(`${text}\n`);
    return exitCodes.ok;
  }
  const { items, next_cursor } = JSON.parse(text) as Page<TaskItem>;
  if (items.length === 0) shell.err.write("no tasks\n");
  else shell.out.write(`${taskTable(items, { ...tableSize(shell), now: Date.now() }).join("\n")}\n`);
  if (next_cursor !== null) shell.err.write(`more: add --cursor ${next_cursor}\n`);
  return exitCodes.ok;
}

export function taskTable(
  items: readonly TaskItem[],
  options: { readonly columns: number; readonly color: boolean; readonly now: number },
): string[] {
  const head = ["STATUS", "AGE", "PROGRESS", "TASK", "TEMPLATE"];
  return table(
    head,
    items.map((task) => taskRow(task, options.now)),
    options,
  );
}

function taskRow(task: TaskItem, now: number): (string | Cell)[] {
  const { status } = task;
  return [
    { text: status, style: styleOf(status) },
    duration(now - Date.parse(task.created_at)),
    progressText(task),
    task.id,
    templateName(task),
  ];
}

function progressText({ progress, status }: TaskItem): string {
  if (progress === undefined) return status === "completed" ? "100 %" : "-";
  const failed = progress.failed > 0 ? `, ${progress.failed} failed` : "";
  return `${progress.completed}/${progress.total}${failed}`;
}
