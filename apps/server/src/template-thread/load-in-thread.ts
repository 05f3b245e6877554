/** Reads one template on a thread that is started for it, so that nothing else waits. */
import { once } from "node:events";
import { TaskerError, type Template } from "@tasker/engine";
import type { LoadTemplateOptions } from "@tasker/templates";
import { startThread } from "@tasker/threads";

export interface TemplateTask {
  readonly text: string;
  readonly options: LoadTemplateOptions;
}

/** What the thread answers: the template, or what its error has. */
export type LoadedTemplate =
  | { readonly template: Template }
  | { readonly refusal: Pick<TaskerError, "code" | "message" | "hint" | "issues"> };

/** Far more than the largest document that is accepted needs. */
const heapLimitMb = 1_024;

/** @throws TaskerError `template_invalid`, with an issue for every place that is wrong; Error when the thread fails */
export async function loadTemplateInThread(text: string, options: LoadTemplateOptions): Promise<Template> {
  const task: TemplateTask = { text, options };
  const thread = startThread(new URL("./template-thread.ts", import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: heapLimitMb },
  });
  try {
    const [answer] = (await once(thread, "message")) as [LoadedTemplate];
    if ("template" in answer) return answer.template;
    const { code, message, hint, issues } = answer.refusal;
    throw new TaskerError(code, message, { hint, issues });
  } finally {
    await thread.terminate();
  }
}
