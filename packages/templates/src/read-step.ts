/** One step: from the keys as they were written to a `StepTemplate` with all defaults filled in. */
import type { RetryPolicy, StepTemplate } from "@tasker/engine";
import type { IssueLog } from "./document/issue-log.ts";
import { describe, jsonText, type ListNode, type MapNode, placeOf } from "./document/tree.ts";
import { collectFields, type Field, type Fields, keyPlace, notYet } from "./fields.ts";
import { handlerKeys, laterStepTypes, retryKeys, stepKeys } from "./keys.ts";
import { templateLimits } from "./limits.ts";
import { readSchema } from "./schema/read-schema.ts";
import { readBoolean, readChoice, readDuration, readInteger, readName, readShare, readText } from "./values.ts";

const dayMs = 86_400_000;
export const longestTimeoutMs = 365 * dayMs;
export const longestBackoffMs = 7 * dayMs;

/** What a step has that does not say otherwise. */
export interface TemplateDefaults {
  /** One attempt (seed: `result_timeout_ms`). */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}

export const templateDefaults: TemplateDefaults = {
  timeoutMs: 300_000,
  retry: { limit: 3, backoff: "exponential", base_ms: 1000, max_ms: 30_000, jitter: 0.2 },
};

/** A step's fields before they are read, so that an environment can still replace some of them. */
export interface StepFields {
  readonly map: MapNode;
  readonly fields: Fields;
  /** It has keys of a later release, so what it lacks may be on purpose. */
  readonly hasLaterKeys: boolean;
}

export function collectStep(map: MapNode, issues: IssueLog): StepFields {
  const fields: Fields = new Map();
  let hasLaterKeys = collectFields(map, stepKeys, fields, issues);
  for (const [name, table] of [
    ["handler", handlerKeys],
    ["retry", retryKeys],
  ] as const) {
    const field = fields.get(name);
    if (field === undefined) continue;
    if (field.node.kind === "map") {
      fields.delete(name);
      hasLaterKeys = collectFields(field.node, table, fields, issues) || hasLaterKeys;
    } else if (name === "retry") {
      issues.add(
        placeOf(field.node),
        `expected a map such as { limit: 3, backoff: exponential }, found ${describe(field.node)}`,
      );
    }
  }
  return { map, fields, hasLaterKeys: checkType(fields, issues) || hasLaterKeys };
}

/** Null after an issue about its name or handler. Dependencies are only read here; `checkGraph` looks at them. */
export function readStep(step: StepFields, defaults: TemplateDefaults, issues: IssueLog): StepTemplate | null {
  const { fields } = step;
  const name = fields.get("name") ? readName(fields.get("name")!.node, "step", issues) : missing(step, "name", issues);
  const handler = fields.get("handler") ? readHandler(fields, issues) : missing(step, "handler", issues);
  const optional = readOptional(fields, defaults, issues);
  return name === null || handler === null ? null : { name, handler, ...optional };
}

/** Everything but what a step must have: also what an environment may override, with issues as in the step itself. */
export function readOptional(
  fields: Fields,
  defaults: TemplateDefaults,
  issues: IssueLog,
): Omit<StepTemplate, "name" | "handler"> {
  const description = fields.get("description");
  if (description) readText(description.node, "the description", templateLimits.descriptionLength, issues);
  return {
    config: readConfig(fields.get("config"), issues),
    depends_on: dependencyNodes(fields).flatMap(
      (item) => readText(item, "the name of a step", templateLimits.nameLength, issues) ?? [],
    ),
    retryable: readBoolean(fields.get("retryable"), true, issues),
    retry: readRetry(fields, defaults.retry, issues),
    timeout_ms: duration(fields.get("timeout"), 1, longestTimeoutMs, issues) ?? defaults.timeoutMs,
    queue_timeout_ms: duration(fields.get("queue_timeout"), 1, longestTimeoutMs, issues),
    on_lost: readChoice(fields.get("on_lost"), ["retry", "hold", "fail"], "retry", issues),
    priority: integer(fields.get("priority"), -100, 100, issues) ?? 0,
    previous_results: readChoice(fields.get("previous_results"), ["all", "direct"], "all", issues),
    result_schema: readSchema(fields.get("result_schema"), issues),
  };
}

/** The values of `depends_on`: a list, or one name. */
export function dependencyNodes(fields: Fields): ListNode["items"] {
  const node = fields.get("depends_on")?.node;
  if (node === undefined) return [];
  return node.kind === "list" ? node.items : [node];
}

function readHandler(fields: Fields, issues: IssueLog): string | null {
  return readText(fields.get("handler")!.node, "the handler", templateLimits.handlerLength, issues);
}

function missing(step: StepFields, key: string, issues: IssueLog): null {
  if (!step.hasLaterKeys) issues.add(placeOf(step.map), `the step has no \`${key}\``);
  return null;
}

/** `type: standard` says nothing; the other types of Tasker's core belong to later releases. */
function checkType(fields: Fields, issues: IssueLog): boolean {
  const method = fields.get("handler.method");
  if (method && jsonText(method.node) !== '"call"') {
    issues.add(placeOf(method.node), "a handler has one entry point here; give each method a handler name of its own");
  }
  const type = fields.get("step.type");
  const value = type?.node.kind === "scalar" ? type.node.value : undefined;
  const later = typeof value === "string" ? laterStepTypes.get(value) : undefined;
  if (later !== undefined) issues.add(placeOf(type!.node), notYet(`type: ${value}`, later));
  else readChoice(type, ["standard"], "standard", issues);
  return later !== undefined;
}

function readConfig(field: Field | undefined, issues: IssueLog): string {
  if (field === undefined) return "{}";
  if (field.node.kind !== "map") {
    issues.add(placeOf(field.node), `expected a map for the configuration, found ${describe(field.node)}`);
    return "{}";
  }
  const text = jsonText(field.node);
  if (text.length > templateLimits.configBytes || Buffer.byteLength(text) > templateLimits.configBytes) {
    issues.add(keyPlace(field), `the configuration is larger than ${templateLimits.configBytes} bytes of JSON`);
  }
  return text;
}

function readRetry(fields: Fields, defaults: RetryPolicy, issues: IssueLog): RetryPolicy {
  const limit = fields.get("retry.limit");
  const isAttempts = limit?.spelling === "max_attempts" ? 1 : 0;
  const read = integer(limit, isAttempts, templateLimits.retries + isAttempts, issues);
  const base = duration(fields.get("retry.base"), 0, longestBackoffMs, issues) ?? defaults.base_ms;
  const max = duration(fields.get("retry.max"), 0, longestBackoffMs, issues);
  if (max !== null && max < base) {
    issues.add(keyPlace(fields.get("retry.max")!), "the longest delay (`max`) is shorter than the first one (`base`)");
  }
  const jitter = fields.get("retry.jitter");
  return {
    limit: read === null ? defaults.limit : read - isAttempts,
    backoff: readChoice(
      fields.get("retry.backoff"),
      ["none", "fixed", "linear", "exponential"],
      defaults.backoff,
      issues,
    ),
    base_ms: base,
    max_ms: max ?? Math.max(defaults.max_ms, base),
    jitter: (jitter && readShare(jitter.node, issues)) ?? defaults.jitter,
  };
}

function duration(field: Field | undefined, minMs: number, maxMs: number, issues: IssueLog): number | null {
  return field === undefined ? null : readDuration(field, minMs, maxMs, issues);
}

function integer(field: Field | undefined, min: number, max: number, issues: IssueLog): number | null {
  return field === undefined ? null : readInteger(field.node, min, max, issues);
}
