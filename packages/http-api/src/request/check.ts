/**
 * Checks values against the schemas that the OpenAPI document shows, and says what is wrong in words: the JSON path, what
 * was expected, the nearest valid name. A valid value costs one compiled function. An invalid one is explained by a walk
 * of our own that stops after a few issues: the library's collects every error, 80 s of work for a hostile 20 MB body.
 */
import type { Issue } from "@tasker/engine";
import { nearest } from "@tasker/engine";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";

/** Empty: the value fits. */
export type Check = (value: unknown) => readonly Issue[];

export function compileCheck(schema: TSchema): Check {
  const compiled = Compile(schema);
  return (value) => {
    if (compiled.Check(value)) return [];
    const issues: Issue[] = [];
    explain(schema as RequestSchema, value, "", issues);
    if (issues.length === 0) throw new Error(`no explanation for what ${JSON.stringify(schema)} refuses`);
    return issues;
  };
}

/** The part of JSON Schema that requests are described with. */
interface RequestSchema {
  readonly type?: "object" | "array" | "string" | "integer" | "null";
  readonly properties?: Readonly<Record<string, RequestSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly items?: RequestSchema;
  readonly maxItems?: number;
  readonly enum?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly RequestSchema[];
}

const maxIssues = 10;

/** Longer names and values are shortened where they are shown. */
const shownChars = 64;

function explain(schema: RequestSchema, value: unknown, path: string, issues: Issue[]): void {
  const { type } = schema;
  if (schema.anyOf !== undefined) explainChoice(schema.anyOf, value, path, issues);
  else if (type !== undefined && !isOfType(type, value)) {
    issues.push({ path, message: `expected ${withArticle(type)}, got ${kindOf(value)}` });
  } else if (type === "object") explainObject(schema, value as Record<string, unknown>, path, issues);
  else if (type === "array") explainArray(schema, value as unknown[], path, issues);
  else if (type === "string") explainText(schema, value as string, path, issues);
  else if (type === "integer") explainInteger(schema, value as number, path, issues);
}

/** The choice of the value's own type is the one that was meant. */
function explainChoice(choices: readonly RequestSchema[], value: unknown, path: string, issues: Issue[]): void {
  const meant = choices.find(({ type }) => type !== undefined && isOfType(type, value));
  if (meant !== undefined) explain(meant, value, path, issues);
  else {
    const kinds = choices.map(({ type }) => withArticle(type ?? "value"));
    issues.push({ path, message: `expected ${kinds.join(" or ")}, got ${kindOf(value)}` });
  }
}

function explainObject(schema: RequestSchema, value: Record<string, unknown>, path: string, issues: Issue[]): void {
  const { properties = {}, required = [] } = schema;
  for (const name of required) {
    if (!Object.hasOwn(value, name)) issues.push({ path: join(path, name), message: "is missing" });
  }
  for (const [name, member] of Object.entries(properties)) {
    if (Object.hasOwn(value, name)) explain(member, value[name], join(path, name), issues);
  }
  if (schema.additionalProperties !== false) return;
  for (const name of Object.keys(value)) {
    if (issues.length >= maxIssues) return;
    if (!Object.hasOwn(properties, name)) issues.push(unknownMember(path, name, Object.keys(properties)));
  }
}

function explainArray({ items, maxItems }: RequestSchema, value: unknown[], path: string, issues: Issue[]): void {
  if (maxItems !== undefined && value.length > maxItems) {
    issues.push({ path, message: `at most ${maxItems} items, got ${value.length}` });
    return;
  }
  for (const [index, item] of value.entries()) {
    if (issues.length >= maxIssues) return;
    if (items !== undefined) explain(items, item, `${path}[${index}]`, issues);
  }
}

function explainText(schema: RequestSchema, value: string, path: string, issues: Issue[]): void {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema;
  if (schema.enum !== undefined) {
    if (!schema.enum.includes(value)) issues.push(unknownValue(path, value, schema.enum));
  } else if (value.length < minLength) issues.push({ path, message: "must not be empty" });
  else if (isLonger(value, maxLength)) issues.push({ path, message: `at most ${maxLength} characters` });
  else if (pattern !== undefined && !new RegExp(pattern, "u").test(value)) {
    issues.push({ path, message: "must be text without control characters" });
  }
}

function explainInteger({ minimum, maximum }: RequestSchema, value: number, path: string, issues: Issue[]): void {
  if (value >= (minimum ?? value) && value <= (maximum ?? value)) return;
  issues.push({ path, message: `expected a number from ${minimum} to ${maximum}, got ${value}` });
}

/** Characters are code points, as in JSON Schema. */
function isLonger(text: string, limit: number): boolean {
  if (text.length <= limit) return false;
  return text.length > 2 * limit || [...text].length > limit;
}

function unknownMember(path: string, name: string, known: readonly string[]): Issue {
  const suggestion = nearest(name, known);
  const place = join(path, shorten(name));
  if (suggestion !== undefined) return { path: place, message: `unknown; did you mean ${suggestion}?`, suggestion };
  return {
    path: place,
    message: known.length === 0 ? "unknown; there are none" : `unknown; known are ${known.join(", ")}`,
  };
}

function unknownValue(path: string, value: string, known: readonly string[]): Issue {
  const suggestion = nearest(value, known);
  const message = `expected one of ${known.join(", ")}, got ${JSON.stringify(shorten(value))}`;
  return { path, message, ...(suggestion !== undefined && { suggestion }) };
}

function isOfType(type: NonNullable<RequestSchema["type"]>, value: unknown): boolean {
  switch (type) {
    case "object":
      return value !== null && typeof value === "object" && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    default:
      return typeof value === "string";
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "number" ? String(value) : withArticle(typeof value);
}

function withArticle(kind: string): string {
  if (kind === "null") return kind;
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

function shorten(text: string): string {
  return text.length <= shownChars ? text : `${text.slice(0, shownChars)}...`;
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
