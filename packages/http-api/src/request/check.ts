/**
 * Checks values against the schemas that the OpenAPI document shows, and says what is wrong in words: the JSON path, what
 * was expected, the nearest valid name. The fast path of a valid value is one compiled function.
 */
import type { Issue } from "@tasker/engine";
import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { nearestName } from "./nearest-name.ts";

/** Empty: the value fits. */
export type Check = (value: unknown) => readonly Issue[];

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Record<string, unknown>;
  readonly message: string;
}

interface Place {
  readonly error: SchemaError;
  readonly path: string;
  readonly schema: Record<string, unknown>;
  readonly value: unknown;
}

const maxIssues = 20;

export function compileCheck<T extends TSchema>(schema: T): Check {
  const compiled = Compile(schema);
  return (value): readonly Issue[] => {
    if (compiled.Check(value)) return [];
    return describe(schema as Record<string, unknown>, value, compiled.Errors(value) as unknown as SchemaError[]);
  };
}

/** The value, once checked. */
export type Checked<T extends TSchema> = Static<T>;

function describe(schema: Record<string, unknown>, value: unknown, errors: readonly SchemaError[]): Issue[] {
  const issues = new Map<string, Issue>();
  for (const error of errors) {
    const segments = error.instancePath.split("/").slice(1).map(unescapePointer);
    const place = { error, path: jsonPath(segments), ...descend(schema, value, segments) };
    for (const issue of issuesOf(place)) if (!issues.has(issue.path)) issues.set(issue.path, issue);
    if (issues.size >= maxIssues) break;
  }
  return [...issues.values()].slice(0, maxIssues);
}

function issuesOf(place: Place): Issue[] {
  const { error, path, schema, value } = place;
  const { params } = error;
  switch (error.keyword) {
    case "required":
      return (params.requiredProperties as string[]).map((name) => ({ path: join(path, name), message: "is missing" }));
    case "additionalProperties":
      return (params.additionalProperties as string[]).map((name) => unknownMember(path, name, schema));
    case "boolean":
      return [];
    case "minimum":
    case "maximum":
      return [{ path, message: `expected a number from ${schema.minimum} to ${schema.maximum}, got ${value}` }];
    case "minLength":
      return [{ path, message: "must not be empty" }];
    case "maxLength":
      return [{ path, message: `at most ${params.limit} characters, got ${[...String(value)].length}` }];
    case "maxItems":
      return [{ path, message: `at most ${params.limit} items, got ${(value as unknown[]).length}` }];
    case "enum":
      return [unknownValue(path, value, schema.enum as string[])];
    case "pattern":
      return [{ path, message: "must be text without control characters" }];
    default:
      return [{ path, message: `expected ${expectedKind(schema)}, got ${kindOf(value)}` }];
  }
}

function unknownMember(path: string, name: string, schema: Record<string, unknown>): Issue {
  const known = Object.keys(schema.properties as object);
  const suggestion = nearestName(name, known);
  const message =
    suggestion === undefined ? `unknown; known are ${known.join(", ")}` : `unknown; did you mean ${suggestion}?`;
  return { path: join(path, name), message, ...(suggestion !== undefined && { suggestion }) };
}

function unknownValue(path: string, value: unknown, known: readonly string[]): Issue {
  const suggestion = typeof value === "string" ? nearestName(value, known) : undefined;
  return { path, message: `expected one of ${known.join(", ")}`, ...(suggestion !== undefined && { suggestion }) };
}

function expectedKind(schema: Record<string, unknown>): string {
  const choices = schema.anyOf as Record<string, unknown>[] | undefined;
  if (choices !== undefined) return choices.map(expectedKind).join(" or ");
  return withArticle(String(schema.type ?? "another value"));
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return withArticle(typeof value);
}

function withArticle(kind: string): string {
  if (kind === "null") return kind;
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

/** The schema and the value at a place. */
function descend(schema: Record<string, unknown>, value: unknown, segments: readonly string[]) {
  let place = schema;
  let found = value;
  for (const segment of segments) {
    const properties = place.properties as Record<string, Record<string, unknown>> | undefined;
    const next = properties !== undefined && Object.hasOwn(properties, segment) ? properties[segment] : place.items;
    place = (next ?? {}) as Record<string, unknown>;
    found = found !== null && typeof found === "object" ? (found as Record<string, unknown>)[segment] : undefined;
  }
  return { schema: place, value: found };
}

function jsonPath(segments: readonly string[]): string {
  return segments.reduce(join, "");
}

function join(path: string, segment: string): string {
  if (/^\d+$/.test(segment)) return `${path}[${segment}]`;
  return path === "" ? segment : `${path}.${segment}`;
}

function unescapePointer(segment: string): string {
  return segment.replaceAll("~1", "/").replaceAll("~0", "~");
}
