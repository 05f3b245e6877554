/** Submissions out of request bodies: the context is cut out of the text, so that it comes back byte for byte. */
import { hash } from "node:crypto";
import type { SubmitTask } from "@tasker/engine";
import { RawCursor } from "@tasker/json";
import type { HttpLimits } from "./limits.ts";
import { HttpError } from "./problem.ts";
import type { SubmitBody } from "./schemas/requests.ts";

/**
 * @param context its text in the body; null when it has none
 * @throws HttpError `content_too_large` for a context beyond the limit
 */
export function toSubmission(body: SubmitBody, context: string | null, limits: HttpLimits): SubmitTask {
  const task = {
    namespace: body.namespace,
    name: body.name,
    version: body.version ?? null,
    context: context ?? "{}",
    contextValue: body.context ?? {},
    idempotencyKey: body.idempotency_key ?? null,
    priority: body.priority ?? 0,
    tags: body.tags ?? [],
    correlationId: body.correlation_id ?? null,
    initiator: body.initiator ?? null,
    reason: body.reason ?? null,
  };
  assertContextFits(task.context, limits.contextBytes);
  return { ...task, fingerprint: task.idempotencyKey === null ? null : fingerprintOf(task) };
}

/** The text of the member `context` of a submission; null when there is none. */
export function contextOf(text: string): string | null {
  return takeContext(new RawCursor(text));
}

/** The same for each element of the member `tasks` of a bulk body. */
export function contextsOf(text: string): (string | null)[] {
  const cursor = new RawCursor(text);
  let contexts: (string | null)[] = [];
  cursor.enterObject();
  while (cursor.nextMember()) {
    if (!cursor.keyIs("tasks") || !cursor.enterArray()) {
      cursor.skip();
      continue;
    }
    // Of two members of one name the last counts, as for JSON.parse.
    contexts = [];
    while (cursor.nextElement()) contexts.push(takeContext(cursor));
  }
  return contexts;
}

function takeContext(cursor: RawCursor): string | null {
  let context: string | null = null;
  if (!cursor.enterObject()) {
    cursor.skip();
    return context;
  }
  while (cursor.nextMember()) {
    if (cursor.keyIs("context")) context = cursor.takeOwn();
    else cursor.skip();
  }
  return context;
}

function assertContextFits(context: string, limitBytes: number): void {
  // A character of a JavaScript string is at most three bytes of UTF-8.
  if (context.length * 3 <= limitBytes) return;
  const bytes = Buffer.byteLength(context);
  if (bytes <= limitBytes) return;
  throw new HttpError(
    "content_too_large",
    `the context has ${bytes} bytes; at most ${limitBytes} are taken`,
    "Store what is large elsewhere, and pass a reference to it.",
    [{ path: "context", message: `at most ${limitBytes} bytes, got ${bytes}` }],
  );
}

/** Tells "the same again" from "another task under the same key". The order of tags does not matter. */
function fingerprintOf(task: Omit<SubmitTask, "fingerprint">): string {
  const rest = JSON.stringify([task.namespace, task.name, task.version, task.priority, [...task.tags].sort()]);
  return hash("sha256", rest + task.context);
}
