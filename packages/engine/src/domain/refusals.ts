/** What the engine says no with: each names what happened and what the reader can do. */
import { StoreError } from "../ports.ts";
import { TaskerError } from "./errors.ts";
import type { Template } from "./template.ts";

export function overloaded(): TaskerError {
  return new TaskerError("overloaded", "more tasks are waiting to be stored than this orchestrator takes", {
    hint: "Submit again in a moment, with the same idempotency key.",
  });
}

export function stopping(): TaskerError {
  return new TaskerError("stopping", "the orchestrator is stopping", { hint: "Submit again when it is back." });
}

export function templateConflict({ namespace, name, version }: Template): TaskerError {
  return new TaskerError("template_conflict", `${namespace}/${name}@${version} exists with another content`, {
    hint: "A version never changes once applied: raise `version` and apply again.",
  });
}

/** @param error why a turn failed */
export function storageError(error: Error): TaskerError {
  const failure = error instanceof StoreError ? error.failure : null;
  if (failure === "full") {
    return new TaskerError("storage_full", "the disk of the database is full; nothing was stored", {
      hint: "Free some space; then submit again.",
      cause: error,
    });
  }
  const outcome = failure === "io" ? "nobody knows whether it was stored" : "nothing was stored";
  return new TaskerError("storage_failed", `${outcome}: ${error.message}`, {
    hint: "Submit again with the same idempotency key.",
    cause: error,
  });
}
