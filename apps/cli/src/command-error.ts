/** Expected failures of a command: what happened, where, and the next step; printed on stderr, with an exit code. */
import type { Issue } from "@tasker/engine";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { visible } from "./view/text.ts";

export class CommandError extends Error {
  readonly exitCode: ExitCode;
  /** What the reader can do next. */
  readonly hint: string | null;
  readonly issues: readonly Issue[];

  constructor(exitCode: ExitCode, message: string, options: { hint?: string | null; issues?: readonly Issue[] } = {}) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
    this.hint = options.hint ?? null;
    this.issues = options.issues ?? [];
  }
}

export function usageError(message: string, hint: string): CommandError {
  return new CommandError(exitCodes.usage, message, { hint });
}

/** More places than this are counted, not printed. */
const maxIssuesShown = 20;

/** The lines for stderr, the last one ended. */
export function errorText(error: CommandError): string {
  const lines = [`error: ${visible(error.message)}`];
  for (const issue of error.issues.slice(0, maxIssuesShown)) lines.push(`  ${issueText(issue)}`);
  const more = error.issues.length - maxIssuesShown;
  if (more > 0) lines.push(`  ... and ${more} more`);
  if (error.hint !== null) lines.push(`  next: ${visible(error.hint)}`);
  return `${lines.join("\n")}\n`;
}

/** `order.yaml:3:5 steps[0].handler: what is wrong; did you mean ...?` */
export function issueText({ file, line, column, path, message, suggestion }: Issue): string {
  const position = [file, line, column].filter((part) => part !== undefined).join(":");
  const place = [position, path].filter((part) => part !== "").join(" ");
  const meant = suggestion === undefined || /did you mean/i.test(message) ? "" : `; did you mean ${suggestion}?`;
  return visible(`${place === "" ? "" : `${place}: `}${message}${meant}`);
}
