/** The thread that `load-in-thread.ts` starts: reads one template, answers, and ends. */
import { parentPort, workerData } from "node:worker_threads";
import { TaskerError } from "@tasker/engine";
import { loadTemplate } from "@tasker/templates";
import type { LoadedTemplate, TemplateTask } from "./load-in-thread.ts";

parentPort!.postMessage(load(workerData as TemplateTask));

function load({ text, options }: TemplateTask): LoadedTemplate {
  try {
    return { template: loadTemplate(text, options) };
  } catch (error) {
    if (!(error instanceof TaskerError)) throw error;
    const { code, message, hint, issues } = error;
    return { refusal: { code, message, hint, issues } };
  }
}
