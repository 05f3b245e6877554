/** An `input_schema` or `result_schema`: compiled once at load, so that a wrong schema is refused with its place. */
import type { IssueLog } from "../document/issue-log.ts";
import {
  describe,
  entryOf,
  jsonText,
  type MapNode,
  type Node,
  type Place,
  placeOf,
  placeOfKey,
  type ScalarNode,
} from "../document/tree.ts";
import type { Field } from "../fields.ts";
import { compilePattern, compileSchemaText, metaschemaProblems } from "./compile-schema.ts";
import { pointerKeys } from "./describe-schema-error.ts";

/** Below these keys a schema holds data, not schemas. */
const dataKeys = new Set(["const", "enum", "default", "examples"]);

/** The schema as a JavaScript value, or null when there is none or it is not valid. */
export function readSchema(field: Field | undefined, issues: IssueLog): unknown {
  if (field === undefined) return null;
  const { node } = field;
  if (node.kind === "list" || (node.kind === "scalar" && typeof node.value !== "boolean")) {
    issues.add(placeOf(node), `expected a JSON Schema, found ${describe(node)}`);
    return null;
  }
  const text = jsonText(node);
  const misplaced = [...keywordProblems(node)];
  const problems = misplaced.length > 0 ? metaschemaProblems(text) : (compileSchemaText(text).problems ?? []);
  for (const [place, message] of misplaced) issues.add(place, message);
  for (const { pointer, message } of problems) issues.add(placeOf(nodeAt(node, pointer)), message);
  return misplaced.length + problems.length === 0 ? JSON.parse(text) : null;
}

/** What ajv would only report without its place, or not at all. */
function* keywordProblems(schema: Node): Generator<[Place, string]> {
  if (schema.kind === "list") for (const item of schema.items) yield* keywordProblems(item);
  if (schema.kind !== "map") return;
  for (const entry of schema.entries) {
    const { key, value } = entry;
    if (dataKeys.has(key)) yield* inexactNumbers(value);
    else if (value.kind === "scalar") {
      const problem = typeof value.value === "string" ? checkText(key, value.value) : checkFlag(key, value);
      if (problem !== null) yield [placeOf(value), problem];
    } else {
      if (key === "patternProperties" && value.kind === "map") yield* wrongPatterns(value);
      yield* keywordProblems(value);
    }
  }
}

function* wrongPatterns(properties: MapNode): Generator<[Place, string]> {
  for (const entry of properties.entries) {
    const problem = checkText("pattern", entry.key);
    if (problem !== null) yield [placeOfKey(properties, entry), problem];
  }
}

/** JSON Schema compares numbers as doubles, so a `const` or `enum` beyond 2^53 would accept its neighbours too. */
function* inexactNumbers(data: Node): Generator<[Place, string]> {
  if (data.kind === "list") for (const item of data.items) yield* inexactNumbers(item);
  else if (data.kind === "map") for (const { value } of data.entries) yield* inexactNumbers(value);
  else if (/^-?\d{16,}$/.test(data.json) && !Number.isSafeInteger(data.value)) {
    yield [placeOf(data), "a number beyond 2^53 cannot be compared exactly; use text here, or a range"];
  }
}

function checkText(key: string, text: string): string | null {
  if ((key === "$ref" || key === "$dynamicRef") && !text.startsWith("#")) {
    return "only references into the same schema (`#/$defs/...`) are followed; copy what this one refers to";
  }
  if (key !== "pattern") return null;
  try {
    compilePattern(text);
    return null;
  } catch (error) {
    return `not a regular expression: ${(error as Error).message}`;
  }
}

function checkFlag(key: string, { value }: ScalarNode): string | null {
  return key === "$async" && value === true ? "asynchronous schemas are not supported" : null;
}

/** The nearest node on the way to `pointer` that was written. */
function nodeAt(schema: Node, pointer: string): Node {
  let at = schema;
  for (const key of pointerKeys(pointer)) {
    const next = at.kind === "list" ? at.items[Number(key)] : at.kind === "map" ? entryOf(at, key)?.value : undefined;
    if (next === undefined) break;
    at = next;
  }
  return at;
}
