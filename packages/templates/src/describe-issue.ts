/** Issues as lines for a terminal. */
import type { Issue, TaskerError } from "@tasker/engine";

/** `file:line:col path: message (did you mean "x"?)`; what is not known is left out. */
export function describeIssue(issue: Issue): string {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(":");
  const where = [place, issue.path].filter((part) => part !== "").join(" ");
  const suggestion = issue.suggestion === undefined ? "" : ` (did you mean ${JSON.stringify(issue.suggestion)}?)`;
  return `${where === "" ? "" : `${where}: `}${issue.message}${suggestion}`;
}

/** The whole error: what is wrong, one line an issue, and the next step. */
export function formatIssues(error: TaskerError, options: { color?: boolean } = {}): string {
  const paint = (code: number, text: string) => (options.color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const lines = error.issues.map((issue) => `  ${describeIssue(issue)}`);
  return [paint(31, error.message), ...lines, paint(2, error.hint)].join("\n");
}
