/** What the HTTP surface may ask of the engine, in the words of its port. */
import { type Engine, TaskerError } from "@tasker/engine";
import type { Commands, PeerCounts, Reader, TemplateName, WorkerView } from "@tasker/http-api";
import { readTemplate, type TemplateSettings } from "./apply-templates.ts";

export function engineCommands(
  engine: Engine,
  reader: Reader,
  templates: TemplateSettings,
  peers: PeerCounts,
): Commands {
  return {
    submit: (tasks) => engine.submit(tasks),
    cancel: (id, cause) => engine.cancel({ id, cause }).catch((error) => explainCancel(reader, id, error)),
    applyTemplate: (text, expected) => applyTemplate(engine, reader, templates, text, expected),
    workers: () => workerViews(engine),
    servedHandlers: () => engine.servedHandlers(),
    readiness: () => engine.readiness(),
    readings: () => ({
      engine: engine.metrics,
      activeTasks: engine.activeTasks,
      oldestReadyMs: engine.oldestReadyMs(),
      peers,
    }),
    subscribe: (listener) => engine.onHistory(listener),
  };
}

/** The engine knows active tasks only: the others are final, or there is no such task. */
async function explainCancel(reader: Reader, id: string, error: unknown): Promise<never> {
  if (!(error instanceof TaskerError) || error.code !== "task_not_found") throw error;
  if ((await reader.task(id)) === null) throw error;
  throw new TaskerError("task_final", `task ${id} has come to its end already`, {
    hint: "A final task does not change any more; `tasker task get` shows how it ended.",
  });
}

async function applyTemplate(
  engine: Engine,
  reader: Reader,
  settings: TemplateSettings,
  text: string,
  expected: TemplateName,
): Promise<{ created: boolean; json: string }> {
  const template = await readTemplate(settings, text);
  for (const key of ["namespace", "name", "version"] as const) {
    if (template[key] !== expected[key]) throw otherName(key, template[key], expected[key]);
  }
  const created = await engine.applyTemplate(template, text);
  const json = await reader.template(template.namespace, template.name, template.version);
  if (json === null) throw new Error("the template that was just stored is not there");
  return { created, json: typeof json === "string" ? json : new TextDecoder().decode(json) };
}

function otherName(key: string, inDocument: string, inUrl: string): TaskerError {
  return new TaskerError("template_invalid", `the document says ${key} ${inDocument}, the URL ${inUrl}`, {
    hint: "Put the template under the name that it has.",
    issues: [{ path: key, message: `expected ${inUrl}, found ${inDocument}` }],
  });
}

function workerViews(engine: Engine): WorkerView[] {
  return engine.workers().map(({ info, capacity, inFlight, draining, joinedAt }) => ({
    id: info.workerId,
    key: info.key,
    protocol: info.protocol,
    language: info.language,
    sdk: info.sdk,
    version: info.version,
    pool: info.pool,
    handlers: info.handlers,
    capacity,
    in_flight: inFlight,
    status: draining ? "draining" : "ready",
    connected_at: joinedAt,
  }));
}
