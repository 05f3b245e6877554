/** `tasker task submit`: a task becomes durable; with `--wait` the command ends with the task's outcome. */
import { findSyntaxError } from "@tasker/json";
import { type ClientOptions, clientOf } from "../../client-options.ts";
import { CommandError, usageError } from "../../command-error.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { outcomeCode, type WatchOptions, watchTask } from "../../follow/watch-task.ts";
import { path } from "../../http/server-client.ts";
import { readText } from "../../read-text.ts";
import type { Shell } from "../../shell.ts";
import { type TaskItem, templateName } from "../../task-json.ts";
import { oneLine } from "../../view/text.ts";
import { outcomeText } from "./outcome.ts";
import { type ShowOptions, showOf } from "./show-options.ts";

export interface SubmitOptions extends ClientOptions, ShowOptions {
  readonly context?: string;
  readonly idempotencyKey?: string;
  readonly priority?: number;
  readonly tag?: readonly string[];
  readonly correlationId?: string;
  readonly initiator?: string;
  readonly reason?: string;
  readonly wait?: boolean;
  readonly timeout?: number;
}

/** @param target NAMESPACE/NAME[@VERSION] */
export async function submitTask(shell: Shell, target: string, options: SubmitOptions): Promise<ExitCode> {
  if (options.timeout !== undefined && !options.wait) {
    throw usageError(
      "--timeout without --wait",
      "Add --wait: without it the command ends as soon as the task is durable.",
    );
  }
  const client = clientOf(shell, options);
  const text = submission(readTarget(target), await readContext(shell, options.context ?? "{}"), options);
  const answer = await client.send("POST", path("tasks"), { text, contentType: "application/json" });
  const task = JSON.parse(answer.text) as TaskItem;
  if (!options.wait) {
    shell.out.write(options.json ? `${oneLine(answer.text)}\n` : submittedText(task, answer.status === 201));
    return exitCodes.ok;
  }
  const watch: WatchOptions = { ...showOf(shell, options), timeoutMs: options.timeout ?? null };
  const watching = watchTask(shell, client, task.id, options.json ? { ...watch, show: "none" } : watch);
  const watched = await watching.catch((error: unknown) => {
    // Whoever waited in vain must still learn which task it is.
    if (options.json) shell.out.write(`${oneLine(answer.text)}\n`);
    throw error;
  });
  shell.out.write(options.json ? `${oneLine(watched.json)}\n` : outcomeText(watched.task, watch.show === "live"));
  return outcomeCode(watched.task);
}

export interface Target {
  readonly namespace: string;
  readonly name: string;
  readonly version: string | null;
}

/** @throws CommandError for anything but NAMESPACE/NAME[@VERSION] */
export function readTarget(target: string): Target {
  const [, namespace, name, version] = /^([^/@\s]+)\/([^/@\s]+)(?:@([^/@\s]+))?$/.exec(target) ?? [];
  if (namespace !== undefined && name !== undefined) return { namespace, name, version: version ?? null };
  throw usageError(
    `${JSON.stringify(target)} is not NAMESPACE/NAME[@VERSION]`,
    "For example fulfillment/process_order; `tasker template list` shows what there is.",
  );
}

/** The request's body. The context stands in it as it was given. */
function submission({ namespace, name, version }: Target, context: string, options: SubmitOptions): string {
  const rest = {
    version: version ?? undefined,
    idempotency_key: options.idempotencyKey,
    priority: options.priority,
    tags: options.tag,
    correlation_id: options.correlationId,
    initiator: options.initiator,
    reason: options.reason,
  };
  return `${JSON.stringify({ namespace, name, ...rest }).slice(0, -1)},"context":${context}}`;
}

/** @param option JSON text, or @FILE, or @- for stdin */
async function readContext(shell: Shell, option: string): Promise<string> {
  const file = option.startsWith("@") ? option.slice(1) : null;
  const text = file === null ? option : await readText(shell, file);
  const place = file === null ? "--context" : file === "-" ? "stdin" : file;
  if (isObject(text)) return text;
  const wrong = findSyntaxError(text);
  const issue = wrong ?? { line: 1, column: 1, message: `expected an object, found ${text.trim().slice(0, 40)}` };
  throw new CommandError(exitCodes.usage, "the context is not a JSON object", {
    issues: [{ path: "", file: place, ...issue }],
    hint: `Give JSON such as --context '{"order_id": 1}', or --context @FILE.`,
  });
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function submittedText(task: TaskItem, created: boolean): string {
  const what = created ? "submitted" : "was submitted before under this key";
  return `${task.id}  ${templateName(task)}  ${task.status}  (${what})\n`;
}
