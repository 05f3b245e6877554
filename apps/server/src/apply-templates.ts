/** Templates from files into the engine: one text, or all that a folder has. */
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { type Engine, type Log, TaskerError, type Template } from "@tasker/engine";
import { formatIssues, loadTemplate, type TemplateDefaults } from "@tasker/templates";
import { loadTemplateInThread } from "./template-thread/load-in-thread.ts";

/** Up to this size reading it takes some milliseconds; a thread takes longer to start. */
const smallDocumentChars = 32 * 1024;

export interface TemplateSettings {
  /** Whose overrides apply (`TASKER_ENV`). */
  readonly environment: string;
  readonly defaults: Partial<TemplateDefaults>;
  /** Steps of one template at most. */
  readonly maxSteps: number;
}

export interface AppliedTemplate {
  /** `NAMESPACE/NAME@VERSION` */
  readonly name: string;
  /** False: the same was there already. */
  readonly created: boolean;
}

/**
 * A template that this orchestrator takes. A large document is read on a thread of its own: it may take seconds, and turns
 * must not wait for it.
 * @throws TaskerError `template_invalid`
 */
export async function readTemplate(settings: TemplateSettings, text: string, file?: string): Promise<Template> {
  const { environment, defaults, maxSteps } = settings;
  const options = { environment, defaults, maxSteps, ...(file === undefined ? {} : { file }) };
  return text.length <= smallDocumentChars ? loadTemplate(text, options) : loadTemplateInThread(text, options);
}

/** @throws TaskerError `template_invalid`, `template_conflict`, and as `Engine.submit` does */
export async function applyTemplate(
  engine: Engine,
  settings: TemplateSettings,
  text: string,
  file: string,
): Promise<AppliedTemplate> {
  const template = await readTemplate(settings, text, file);
  const created = await engine.applyTemplate(template, text);
  return { name: `${template.namespace}/${template.name}@${template.version}`, created };
}

/** Applies every template below the folder. One that is wrong is logged with its places, and does not stop the others. */
export async function applyTemplateFolder(
  engine: Engine,
  settings: TemplateSettings,
  folder: string,
  log: Log,
): Promise<void> {
  for (const file of templateFiles(folder)) {
    try {
      const { name, created } = await applyTemplate(engine, settings, readFileSync(file, "utf8"), file);
      log.info("template.applied", { template: name, file, created });
    } catch (error) {
      if (!(error instanceof TaskerError)) throw error;
      log.error("template.refused", { file, code: error.code, error: formatIssues(error) });
    }
  }
}

/** YAML files whose name says that they are templates, and everything in a folder named `templates`, in order. */
export function templateFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules") && isTemplate(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function isTemplate(name: string): boolean {
  return [".yaml", ".yml"].includes(extname(name));
}
