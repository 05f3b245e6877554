/** A server's refusal (an RFC 9457 problem) as the error of a command. */
import type { Issue } from "@tasker/engine";
import { CommandError } from "../command-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";

interface Problem {
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly code?: unknown;
  readonly hint?: unknown;
  readonly issues?: unknown;
  readonly instance?: unknown;
}

/** A refusal by the server. */
export class ServerRefusal extends CommandError {
  readonly status: number;
  /** The problem's stable code, or null when the answer is not from Tasker. */
  readonly code: string | null;

  constructor(
    status: number,
    code: string | null,
    message: string,
    rest: { hint: string | null; issues: readonly Issue[] },
  ) {
    super(exitCodeOf(status), message, rest);
    this.name = "ServerRefusal";
    this.status = status;
    this.code = code;
  }
}

/** @param retryAfter the header of that name, in seconds */
export function problemError(
  answer: { readonly status: number; readonly text: string },
  retryAfter: string | null,
): ServerRefusal {
  const problem = readProblem(answer.text);
  if (problem === null) {
    return new ServerRefusal(
      answer.status,
      null,
      `the server answered ${answer.status}, which is not an answer of Tasker`,
      {
        hint: "Does TASKER_URL name an orchestrator? Something else may listen there.",
        issues: [],
      },
    );
  }
  const hint = textOf(problem.hint);
  const later = retryAfter !== null && /^\d+$/.test(retryAfter) ? `Try again in ${retryAfter} s.` : null;
  const report = answer.status >= 500 && problem.code === "internal" ? textOf(problem.instance) : null;
  return new ServerRefusal(answer.status, textOf(problem.code), messageOf(problem, answer.status), {
    hint: [hint, hint?.includes("again") ? null : later, report].filter((part) => part !== null).join(" ") || null,
    issues: Array.isArray(problem.issues) ? problem.issues.filter(isIssue) : [],
  });
}

function exitCodeOf(status: number): ExitCode {
  if (status === 401 || status === 403) return exitCodes.notAllowed;
  // The server is there, but not for this now: as far as the caller is concerned it cannot be reached.
  return status === 429 || status >= 500 ? exitCodes.unreachable : exitCodes.usage;
}

function messageOf({ detail, title, code }: Problem, status: number): string {
  const text = textOf(detail) ?? textOf(title) ?? `the server answered ${status}`;
  return typeof code === "string" ? `${text} (${code})` : text;
}

function readProblem(text: string): Problem | null {
  try {
    const value = JSON.parse(text) as Problem | null;
    return typeof value === "object" && value !== null && "title" in value ? value : null;
  } catch {
    return null;
  }
}

function isIssue(value: unknown): value is Issue {
  const issue = value as Partial<Issue> | null;
  return (
    typeof issue === "object" && issue !== null && typeof issue.message === "string" && typeof issue.path === "string"
  );
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
