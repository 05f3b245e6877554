/** `tasker task watch`: a task live, until nothing more happens by itself. */
import { type ClientOptions, clientOf } from "../../client-options.ts";
import type { ExitCode } from "../../exit-codes.ts";
import { outcomeCode, watchTask as watch } from "../../follow/watch-task.ts";
import type { Shell } from "../../shell.ts";
import { outcomeText } from "./outcome.ts";
import { type ShowOptions, showOf } from "./show-options.ts";

export interface WatchTaskOptions extends ClientOptions, ShowOptions {
  readonly timeout?: number;
}

export async function watchTask(shell: Shell, id: string, options: WatchTaskOptions): Promise<ExitCode> {
  const show = options.json ? ({ show: "json", color: false } as const) : showOf(shell, options);
  const { task } = await watch(shell, clientOf(shell, options), id, { ...show, timeoutMs: options.timeout ?? null });
  if (!options.json) shell.out.write(outcomeText(task, show.show === "live"));
  return outcomeCode(task);
}
