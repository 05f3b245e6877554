/** `tasker task get`: one task with its steps. */
import { rawMembers } from "@tasker/json";
import { type ClientOptions, clientOf, tableSize } from "../../client-options.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { path } from "../../http/server-client.ts";
import type { Shell } from "../../shell.ts";
import type { TaskView } from "../../task-json.ts";
import { taskPage } from "../../view/task-page.ts";

export interface GetTaskOptions extends ClientOptions {
  readonly all?: boolean;
}

export async function getTask(shell: Shell, id: string, options: GetTaskOptions): Promise<ExitCode> {
  const { text } = await clientOf(shell, options).get(path("tasks", id));
  if (options.json) {
    shell.out.write(text.endsWith("\n") ? text : `${text}\n`);
    return exitCodes.ok;
  }
  const context = rawMembers(text).get("context");
  const shown = {
    task: JSON.parse(text) as TaskView,
    contextJson: context === undefined ? "{}" : text.slice(context.start, context.end),
  };
  const lines = taskPage(shown, { ...tableSize(shell), all: options.all === true, now: Date.now() });
  shell.out.write(`${lines.join("\n")}\n`);
  return exitCodes.ok;
}
