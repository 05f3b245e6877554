/** A template file, checked here before anything is sent: its errors have file, line and column. */
import { TaskerError, type Template } from "@tasker/engine";
import { loadTemplate } from "@tasker/templates";
import { CommandError } from "../../command-error.ts";
import { exitCodes } from "../../exit-codes.ts";
import { readText, shown } from "../../read-text.ts";
import type { Shell } from "../../shell.ts";

export interface ReadTemplate {
  readonly file: string;
  /** As it is in the file. */
  readonly text: string;
  readonly template: Template;
}

/** @throws CommandError with every place that is wrong */
export async function readTemplate(shell: Shell, file: string): Promise<ReadTemplate> {
  const text = await readText(shell, file);
  return { file, text, template: refusing(() => loadTemplate(text, { file: shown(file), ...environmentOf(shell) })) };
}

/** Runs what may refuse its input, and answers in the command's own error. */
export function refusing<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof TaskerError)) throw error;
    throw new CommandError(exitCodes.usage, error.message, error);
  }
}

function environmentOf({ env }: Shell): { environment?: string } {
  return env.TASKER_ENV ? { environment: env.TASKER_ENV } : {};
}
