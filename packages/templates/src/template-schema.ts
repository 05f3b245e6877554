/**
 * The JSON Schema (2020-12) of a template document, for editors and other programs; `template.schema.json` is its
 * published form. It is made from the loader's own tables of keys. It cannot say what the loader checks beyond form:
 * dependencies that exist, cycles, fields written twice in two ways.
 */
import { durationExamples, durationPattern } from "./duration.ts";
import { environmentKeys, handlerKeys, type KeyTable, retryKeys, stepKeys, templateKeys } from "./keys.ts";
import { templateLimits } from "./limits.ts";
import { namePattern, versionPattern } from "./values.ts";

type Schema = { readonly [keyword: string]: unknown };

const text = (description: string, more: Schema = {}): Schema => ({ description, type: ["string", "null"], ...more });
const reference = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const jsonSchema: Schema = { type: ["object", "boolean", "null"] };

const duration: Schema = {
  description: `A duration such as ${durationExamples}`,
  type: ["string", "null"],
  pattern: durationPattern,
};
const milliseconds: Schema = { type: ["integer", "null"], minimum: 0 };
const seconds: Schema = { type: ["number", "null"], minimum: 0 };

function durationSpelling(spelling: string): Schema {
  if (spelling.endsWith("_ms")) return milliseconds;
  return spelling.endsWith("_seconds") ? seconds : duration;
}

/** Field -> the schema of its value under one spelling. */
const values: Record<string, Schema | ((spelling: string) => Schema)> = {
  name: { type: "string", pattern: namePattern },
  "template.name": text("Name of the template; what stands before a slash is its namespace", { type: "string" }),
  namespace: text("Groups templates; `default` when left out", { pattern: namePattern }),
  version: text("MAJOR.MINOR.PATCH; `1.0.0` when left out", {
    pattern: versionPattern,
    maxLength: templateLimits.versionLength,
  }),
  description: text("For people", { maxLength: templateLimits.descriptionLength }),
  input_schema: { ...jsonSchema, description: "JSON Schema of a task's context" },
  result_schema: { ...jsonSchema, description: "JSON Schema of the handler's output" },
  steps: (spelling) =>
    spelling === "named_steps"
      ? { type: "array", items: { anyOf: [reference("step"), { type: "string" }] } }
      : {
          description: "At least one",
          type: "array",
          minItems: 1,
          maxItems: templateLimits.steps,
          items: reference("step"),
        },
  "environment.steps": {
    anyOf: [
      { type: "object", additionalProperties: { anyOf: [reference("step_override"), { type: "null" }] } },
      { type: "array", items: { ...reference("step_override"), required: ["name"] } },
      { type: "null" },
    ],
  },
  environments: {
    description: "Environment name (TASKER_ENV) -> what is different there",
    type: ["object", "null"],
    additionalProperties: { anyOf: [reference("environment"), { type: "null" }] },
  },
  handler: (spelling) => {
    const name = text("Code that runs the step, by its name", {
      type: "string",
      minLength: 1,
      maxLength: templateLimits.handlerLength,
    });
    return spelling === "handler" ? { anyOf: [name, reference("handler")] } : name;
  },
  "handler.method": { enum: ["call", null] },
  config: { description: "Passed to the handler unchanged", type: ["object", "null"] },
  depends_on: {
    description: "Names of the steps that must complete first",
    anyOf: [reference("step_name"), { type: "array", items: reference("step_name") }, { type: "null" }],
  },
  retryable: { description: "False: one attempt only", type: ["boolean", "null"] },
  retry: { anyOf: [reference("retry"), { type: "null" }] },
  "retry.limit": (spelling) =>
    spelling === "max_attempts"
      ? { description: "limit + 1", type: ["integer", "null"], minimum: 1, maximum: templateLimits.retries + 1 }
      : {
          description: "Retries after the first attempt",
          type: ["integer", "null"],
          minimum: 0,
          maximum: templateLimits.retries,
        },
  "retry.backoff": { enum: ["none", "fixed", "linear", "exponential", null] },
  "retry.base": durationSpelling,
  "retry.max": durationSpelling,
  "retry.jitter": { description: "Share of a delay that is random", type: ["number", "null"], minimum: 0, maximum: 1 },
  timeout: durationSpelling,
  queue_timeout: durationSpelling,
  on_lost: { description: "After an unknown outcome", enum: ["retry", "hold", "fail", null] },
  priority: { description: "Higher first", type: ["integer", "null"], minimum: -100, maximum: 100 },
  previous_results: { description: "Outputs that the handler sees", enum: ["all", "direct", null] },
  "step.type": { enum: ["standard", null] },
};

/** A map with the keys of `table`. `renamed` gives fields another entry of `values`. */
function mapSchema(table: KeyTable, renamed: Record<string, string> = {}, more: Schema = {}): Schema {
  const read = [...table.spellings].map(([spelling, field]) => {
    const value = values[renamed[field] ?? field]!;
    const schema = typeof value === "function" ? value(spelling) : value;
    return [spelling, spelling === field || !field.match(/^\w+$/) ? schema : { ...schema, deprecated: true }];
  });
  const ignored = [...table.ignored].map((key) => [key, { description: "Ignored", deprecated: true }]);
  return {
    type: "object",
    ...more,
    properties: Object.fromEntries([...read, ...ignored]),
    additionalProperties: false,
  };
}

const hasHandler: Schema = { anyOf: [{ required: ["handler"] }, { required: ["handler_class"] }] };
const hasSteps: Schema = { anyOf: ["steps", "step_templates", "named_steps"].map((key) => ({ required: [key] })) };

export const templateSchema: Schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Tasker template",
  ...mapSchema(templateKeys, { name: "template.name" }, { required: ["name"], ...hasSteps }),
  $defs: {
    step_name: values.name,
    step: mapSchema(stepKeys, {}, { required: ["name"], ...hasHandler }),
    step_override: mapSchema(stepKeys),
    handler: mapSchema(handlerKeys),
    retry: mapSchema(retryKeys),
    environment: mapSchema(environmentKeys, { steps: "environment.steps" }),
  },
};
