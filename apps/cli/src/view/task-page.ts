/** A task for reading: what it is, how far it is, its steps with the failures first. Pure functions. */
import { errorMessage, progressText, type StepView, type TaskView, templateName } from "../task-json.ts";
import { countsLine, styleOf } from "./frame.ts";
import { stateOrder } from "./task-board.ts";
import { type Cell, clip, duration, pad, styled, table, visible } from "./text.ts";

export interface PageOptions {
  /** Infinite when it is no terminal. */
  readonly columns: number;
  readonly color: boolean;
  /** Every step, rather than the first few. */
  readonly all: boolean;
  /** Wall-clock milliseconds. */
  readonly now: number;
}

/** Steps shown unless all are wanted. */
const maxSteps = 30;
/** Of a context or output, where the width of the terminal does not bound it. */
const maxPayloadColumns = 200;

/** @param contextJson the context's text, unchanged */
export function taskPage(shown: { task: TaskView; contextJson: string }, options: PageOptions): string[] {
  const { task, contextJson } = shown;
  const { color } = options;
  const reason = task.reason === null ? "" : ` (${visible(task.reason)})`;
  const lines = [
    `${styled(visible(templateName(task)), "bold", color)}  ${styled(task.status, styleOf(task.status), color)}${reason}`,
    ...facts(task, options).map(([name, value]) => `${pad(name, 12)}${visible(value)}`),
    `${pad("context", 12)}${clip(visible(contextJson.trim().replace(/\s+/g, " ")), Math.min(options.columns - 12, maxPayloadColumns))}`,
    `${pad("steps", 12)}${stepCounts(task, options)}`,
    "",
  ];
  const steps = [...task.steps].sort((a, b) => rank(a) - rank(b));
  const shownSteps = options.all ? steps : steps.slice(0, maxSteps);
  lines.push(
    ...table(
      ["STEP", "STATUS", "ATTEMPT", "TIME", "WORKER", "DETAIL"],
      shownSteps.map((step) => stepRow(step, options.now)),
      options,
    ),
  );
  if (steps.length > shownSteps.length) lines.push(`... and ${steps.length - shownSteps.length} more: add --all`);
  return lines;
}

function facts(task: TaskView, { now }: PageOptions): [name: string, value: string][] {
  const created = Date.parse(task.created_at);
  const ended = task.finished_at === null ? null : Date.parse(task.finished_at);
  const facts: [string, string | null | undefined][] = [
    ["id", task.id],
    ["created", `${task.created_at} (${duration(now - created)} ago)`],
    ["started", task.started_at],
    ["finished", ended === null ? null : `${task.finished_at} (took ${duration(ended - created)})`],
    ["priority", task.priority === 0 ? null : String(task.priority)],
    ["tags", task.tags.length === 0 ? null : task.tags.join(", ")],
    ["key", task.idempotency_key],
    ["correlation", task.correlation_id],
    ["initiator", task.initiator],
  ];
  return facts.filter((fact): fact is [string, string] => typeof fact[1] === "string");
}

function stepCounts(task: TaskView, options: PageOptions): string {
  const counts = new Map<string, number>();
  for (const { status } of task.steps) counts.set(status, (counts.get(status) ?? 0) + 1);
  return `${task.steps.length}: ${countsLine(counts, { columns: options.columns - 20, color: options.color })}`;
}

/** What needs a person first; equal ones stay in the template's order. */
function rank({ status }: StepView): number {
  const at = stateOrder.indexOf(status);
  return at < 0 ? stateOrder.length : at;
}

function stepRow(step: StepView, now: number): (string | Cell)[] {
  const { name, status, attempt, max_attempts, started_at, finished_at, worker_id } = step;
  const ended = finished_at === null ? now : Date.parse(finished_at);
  return [
    name,
    { text: status, style: styleOf(status) },
    attempt === 0 ? "-" : `${attempt}/${max_attempts}`,
    started_at === null ? "-" : duration(ended - Date.parse(started_at)),
    worker_id ?? "-",
    detail(step).slice(0, maxPayloadColumns),
  ];
}

function detail({ error, reason, output, status, depends_on, progress }: StepView): string {
  const message = errorMessage(error);
  if (status === "completed") return output === null ? "" : JSON.stringify(output);
  if (message !== null) return reason === null || message.includes(reason) ? message : `${message} (${reason})`;
  const said = status === "in_progress" ? progressText(progress) : null;
  if (said !== null) return said;
  if (reason !== null) return reason;
  return status === "pending" ? `after ${depends_on.join(", ")}` : "";
}
