/**
 * Every key that a template may have: the names of this release, the names that Tasker's users have in their files from
 * other versions of Tasker (its Rails engine, and the core that followed it), those that mean nothing here, and those
 * that a later release will understand. Loader, JSON Schema and reference page all read these tables.
 */

export interface KeyTable {
  /** The names of this release, one a field. */
  readonly names: readonly string[];
  /** Every spelling that is read, names and aliases -> the field it is about. */
  readonly spellings: ReadonlyMap<string, string>;
  /** Known from other versions of Tasker, without meaning here. */
  readonly ignored: ReadonlySet<string>;
  /** Not in this release: key -> what it is. */
  readonly later: ReadonlyMap<string, string>;
}

function keyTable(table: {
  fields: Record<string, readonly string[]>;
  /** Fields that only exist as aliases: no error offers them. */
  unlisted?: readonly string[];
  ignored?: readonly string[];
  later?: Record<string, string>;
}): KeyTable {
  const spellings = Object.entries(table.fields).flatMap(([field, names]) =>
    names.map((name) => [name, field] as const),
  );
  return {
    names: Object.entries(table.fields).flatMap(([field, names]) => (table.unlisted?.includes(field) ? [] : names[0]!)),
    spellings: new Map(spellings),
    ignored: new Set(table.ignored),
    later: new Map(Object.entries(table.later ?? {})),
  };
}

export const templateKeys = keyTable({
  fields: {
    name: ["name"],
    namespace: ["namespace", "namespace_name", "module_namespace"],
    version: ["version"],
    description: ["description"],
    input_schema: ["input_schema", "schema"],
    steps: ["steps", "step_templates", "named_steps"],
    environments: ["environments"],
  },
  ignored: [
    "task_handler",
    "task_handler_class",
    "class_name",
    "handler_config",
    "default_dependent_system",
    "system_dependencies",
    "domain_events",
    "custom_events",
    "concurrent",
    "default_context",
    "default_options",
    "lifecycle",
    "metadata",
    "monitoring",
    "retry_strategies",
    "loaded_from",
  ],
  later: {
    concurrency: "limits of running tasks per key",
    timeout: "a timeout of the whole task",
    timeout_ms: "a timeout of the whole task",
    timeout_seconds: "a timeout of the whole task",
  },
});

export const stepKeys = keyTable({
  fields: {
    name: ["name"],
    description: ["description"],
    handler: ["handler", "handler_class"],
    config: ["config", "handler_config"],
    depends_on: ["depends_on", "depends_on_step", "depends_on_steps", "dependencies"],
    retryable: ["retryable", "default_retryable"],
    retry: ["retry"],
    "retry.limit": ["retry_limit", "default_retry_limit"],
    "retry.backoff": ["retry_backoff"],
    timeout: ["timeout", "timeout_ms", "timeout_seconds"],
    queue_timeout: ["queue_timeout", "queue_timeout_ms", "queue_timeout_seconds"],
    on_lost: ["on_lost"],
    priority: ["priority"],
    previous_results: ["previous_results"],
    result_schema: ["result_schema"],
    "step.type": ["type"],
  },
  unlisted: ["retry.limit", "retry.backoff", "step.type"],
  ignored: [
    "dependent_system",
    "system_dependency",
    "skippable",
    "default_skippable",
    "publishes_events",
    "custom_events",
    "lifecycle",
    "metadata",
  ],
  later: {
    decision: "decision steps",
    map: "map steps",
    wait: "steps that wait for a time or a signal",
    task: "steps that run another template",
    when: "conditions",
    always: "steps that always run",
    compensate: "compensation",
    checkpoint: "checkpoints",
    concurrency: "limits of running steps per key",
    batch_config: "map steps",
  },
});

/** Keys of a step's `retry`. */
export const retryKeys = keyTable({
  fields: {
    "retry.limit": ["limit", "max_attempts", "retry_limit"],
    "retry.backoff": ["backoff"],
    "retry.base": ["base", "base_ms", "backoff_base_ms"],
    "retry.max": ["max", "max_ms", "max_backoff_ms"],
    "retry.jitter": ["jitter"],
    retryable: ["retryable"],
  },
});

/** Keys of a step's `handler`, when it is a map. */
export const handlerKeys = keyTable({
  fields: { handler: ["callable"], config: ["initialization"], "handler.method": ["method"] },
  unlisted: ["handler.method"],
  ignored: ["resolver"],
});

/** Keys of one environment. */
export const environmentKeys = keyTable({
  fields: {
    description: ["description"],
    input_schema: ["input_schema", "schema"],
    steps: ["steps", "step_templates", "step_overrides"],
  },
  ignored: [...templateKeys.ignored],
  later: Object.fromEntries(templateKeys.later),
});

/** Values of a step's `type`: `standard` is what a step is anyway. */
export const laterStepTypes: ReadonlyMap<string, string> = new Map([
  ["decision", "decision steps"],
  ["deferred", "joins below decision steps"],
  ["deferred_convergence", "joins below decision steps"],
  ["batchable", "map steps"],
  ["batch_worker", "map steps"],
]);
