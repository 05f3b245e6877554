/** The end of a watched task in a few lines: how it stands, what failed, what to do next. */
import { errorMessage, type StepView, type TaskView, templateName } from "../../task-json.ts";
import { countsOf } from "../../view/task-board.ts";
import { duration, visible } from "../../view/text.ts";

/** More failures than this are counted. */
const maxFailuresShown = 10;

/** @param pictured the last picture says how it stands: only what failed is left to tell */
export function outcomeText(task: TaskView, pictured: boolean): string {
  const counts = new Map<string, number>();
  for (const { status } of task.steps) counts.set(status, (counts.get(status) ?? 0) + 1);
  const numbers = countsOf(counts).map(([status, count]) => `${status} ${count}`);
  const reason = task.reason === null ? "" : ` (${task.reason})`;
  const standing = `${templateName(task)} ${task.id}: ${task.status}${reason}${took(task)}`;
  const lines = pictured ? [] : [`${standing}; steps: ${numbers.join(", ")}`];
  const failed = task.steps.filter(({ status }) => status === "failed" || status === "in_doubt");
  for (const step of failed.slice(0, maxFailuresShown)) lines.push(failureLine(step));
  if (failed.length > maxFailuresShown) lines.push(`  ... and ${failed.length - maxFailuresShown} more`);
  if (failed.length > 0) lines.push(`  next: \`tasker task get ${task.id}\` shows every step`);
  return lines.map((line) => `${visible(line)}\n`).join("");
}

function failureLine({ name, status, attempt, max_attempts, reason, error }: StepView): string {
  const why = errorMessage(error) ?? reason ?? "no reason was given";
  const when = attempt === 0 ? "before its first attempt" : `after attempt ${attempt} of ${max_attempts}`;
  return `  ${name}: ${status} ${when}: ${why.slice(0, 500)}`;
}

function took({ created_at, finished_at }: TaskView): string {
  return finished_at === null ? "" : ` in ${duration(Date.parse(finished_at) - Date.parse(created_at))}`;
}
