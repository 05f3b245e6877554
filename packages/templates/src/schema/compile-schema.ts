/**
 * Compiles JSON Schemas (2020-12, and draft-07 where `$schema` says so) with ajv. Schemas are written by whoever applies
 * templates, values come from anybody: so a check of a value is bounded in time and in what it reports.
 */
import { setFlagsFromString } from "node:v8";
import { type CompileSchema, TaskerError, type Validate } from "@tasker/engine";
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import formatsModule from "ajv-formats";
import { templateLimits } from "../limits.ts";
import { describeSchemaError, jsonPathOf } from "./describe-schema-error.ts";

/**
 * A pattern such as ^(a+)+$ takes 20 s for 29 characters. With this flag V8 goes on with its linear engine when it has
 * backtracked too often (2 ms); it can do so only for patterns without the `u` flag, lookaround and back-references.
 */
setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");

/** Something wrong with a schema. `pointer` is a JSON pointer into it, empty for the whole. */
export interface SchemaProblem {
  readonly pointer: string;
  readonly message: string;
}

export type Compiled =
  | { readonly validate: Validate; readonly problems?: never }
  | { readonly problems: readonly SchemaProblem[] };

const keptSchemas = 1000;
const compiled = new Map<string, Compiled>();

/** Reports at most so many issues of one value. */
const reportedIssues = 20;
/** A larger value is checked up to its first issue only: a million wrong items would be a million error objects. */
const fullyCheckedValues = 10_000;

/**
 * The `CompileSchema` of the engine.
 * @throws TaskerError `template_invalid` when the schema is not one; `loadTemplate` has refused it before, with its place
 */
export const compileSchema: CompileSchema = (schema) => {
  const { problems, validate } = { validate: undefined, ...compileSchemaText(JSON.stringify(schema)) };
  if (validate !== undefined) return validate;
  throw new TaskerError("template_invalid", "the JSON Schema is not valid", {
    hint: "Correct the schema.",
    issues: problems!.map(({ pointer, message }) => ({ path: jsonPathOf(pointer), message })),
  });
};

/** Compiles JSON text, or says why it cannot. The same text is compiled once. */
export function compileSchemaText(text: string): Compiled {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const result = compileUncached(text);
  if (compiled.size >= keptSchemas) compiled.delete(compiled.keys().next().value!);
  compiled.set(text, result);
  return result;
}

function compileUncached(text: string): Compiled {
  const problems = metaschemaProblems(text);
  if (problems.length > 0) return { problems };
  const schema = JSON.parse(text) as object | boolean;
  const draft = draftOf(schema)!;
  try {
    const all = draft.compile(schema, true);
    let first: ValidateFunction | undefined;
    const validateFirst = () => (first ??= draft.compile(schema, false));
    return { validate: (value) => validate(value, hasAtMost(value, fullyCheckedValues) ? all : validateFirst()) };
  } catch (error) {
    // ajv throws plain errors for what the metaschema cannot see, such as references that lead nowhere.
    return { problems: [{ pointer: "", message: `the schema cannot be compiled: ${(error as Error).message}` }] };
  }
}

/** What the metaschema finds in a schema (JSON text), without compiling it. */
export function metaschemaProblems(text: string): SchemaProblem[] {
  if (text.length > templateLimits.schemaBytes) {
    return [{ pointer: "", message: `the schema is larger than ${templateLimits.schemaBytes} bytes of JSON` }];
  }
  const schema = JSON.parse(text) as object | boolean;
  const draft = draftOf(schema);
  if (draft === null) {
    const known = "https://json-schema.org/draft/2020-12/schema or http://json-schema.org/draft-07/schema#";
    return [{ pointer: "/$schema", message: `expected ${known}, or nothing for the former` }];
  }
  const metaschema = draft.metaschema();
  if (metaschema.validateSchema(schema)) return [];
  const firstOfPlace = new Map((metaschema.errors ?? []).toReversed().map((error) => [error.instancePath, error]));
  return [...firstOfPlace.values()].slice(0, reportedIssues).map((error) => ({
    pointer: error.instancePath,
    message: `not valid JSON Schema: ${describeSchemaError(error)}`,
  }));
}

function validate(value: unknown, check: ValidateFunction) {
  try {
    if (check(value)) return [];
    return distinct(check.errors ?? []).map((error) => ({
      path: jsonPathOf(error.instancePath),
      message: describeSchemaError(error),
    }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [{ path: "", message: "is nested too deep to be checked" }];
  }
}

interface Draft {
  /** Knows the metaschema and nothing else; made once, on first use. */
  readonly metaschema: () => Ajv;
  readonly compile: (schema: object | boolean, allErrors: boolean) => ValidateFunction;
}

function draftWith(Constructor: typeof Ajv): Draft {
  let metaschema: Ajv | undefined;
  return {
    metaschema: () => {
      metaschema ??= new Constructor({ strict: false, allErrors: true, logger: false, validateFormats: false });
      return metaschema;
    },
    // One ajv per schema: `$id` and anchors of one cannot meet those of another, and nothing is kept for ever.
    compile: (schema, allErrors) => addFormats(new Constructor({ ...options, allErrors })).compile(schema),
  };
}

const draft2020 = draftWith(Ajv2020 as unknown as typeof Ajv);
const draft07 = draftWith(Ajv);

function draftOf(schema: unknown): Draft | null {
  const declared = (schema as { $schema?: unknown } | null)?.$schema;
  if (declared === undefined) return draft2020;
  if (typeof declared !== "string") return null;
  const name = declared.replace(/^https?:\/\/json-schema\.org\//, "").replace(/#$/, "");
  if (name === "draft/2020-12/schema") return draft2020;
  return name === "draft-07/schema" ? draft07 : null;
}

const options: Options = {
  strict: false,
  meta: false,
  validateSchema: false,
  inlineRefs: false,
  ownProperties: true,
  logger: false,
  // Optimising the code takes ten times as long as making it, and changes little in how it runs.
  code: { optimize: false, regExp: Object.assign(compilePattern, { code: "compilePattern" }) },
};

function addFormats(ajv: Ajv): Ajv {
  return (formatsModule as unknown as (ajv: Ajv) => Ajv)(ajv);
}

/** As ECMA-262 without `u`, which the linear engine needs, unless the pattern only means something with it. */
export function compilePattern(pattern: string): RegExp {
  const needsUnicode = /\\[pP]\{|\\u\{|[\u{10000}-\u{10ffff}]/u.test(pattern);
  return new RegExp(pattern, needsUnicode ? "u" : "");
}

function distinct(errors: readonly ErrorObject[]): ErrorObject[] {
  const seen = new Map(errors.map((error) => [`${error.instancePath} ${error.message}`, error]));
  return [...seen.values()].slice(0, reportedIssues);
}

/** Whether a value consists of at most `limit` values. Looks at no more of them. */
function hasAtMost(value: unknown, limit: number): boolean {
  const open: unknown[] = [value];
  for (let seen = 0; open.length > 0; seen++) {
    if (seen + open.length > limit) return false;
    const next = open.pop();
    if (typeof next !== "object" || next === null) continue;
    const children = Array.isArray(next) ? next : Object.values(next);
    if (children.length > limit) return false;
    for (const child of children) open.push(child);
  }
  return true;
}
