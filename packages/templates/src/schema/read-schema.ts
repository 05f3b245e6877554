/** An `input_schema` or `result_schema`: compiled once at load, so that a wrong schema is refused with its place. */
import type { IssueLog } from "../document/issue-log.ts";
import { describe, entryOf, jsonText, type Node, placeOf, placeOfKey, type ScalarNode } from "../document/tree.ts";
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
  const isSound = checkKeywords(node, issues);
  const problems = isSound ? (compileSchemaText(text).problems ?? []) : metaschemaProblems(text);
  for (const { pointer, message } of problems) issues.add(placeOf(nodeAt(node, pointer)), message);
  return isSound && problems.length === 0 ? JSON.parse(text) : null;
}

/** What ajv would only report without its place, or not at all. */
function checkKeywords(schema: Node, issues: IssueLog): boolean {
  if (schema.kind === "scalar") return true;
  if (schema.kind === "list") return schema.items.map((item) => checkKeywords(item, issues)).every(Boolean);
  return schema.entries
    .map((entry) => {
      const { key, value } = entry;
      if (dataKeys.has(key)) return checkExact(value, issues);
      if (key === "patternProperties" && value.kind === "map") {
        for (const pattern of value.entries) {
          const problem = checkText("pattern", pattern.key);
          if (problem !== null) issues.add(placeOfKey(value, pattern), problem);
        }
      }
      if (value.kind !== "scalar") return checkKeywords(value, issues);
      const problem = typeof value.value === "string" ? checkText(key, value.value) : checkFlag(key, value);
      if (problem !== null) issues.add(placeOf(value), problem);
      return problem === null;
    })
    .every(Boolean);
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

/** JSON Schema compares numbers as doubles, so a `const` or `enum` beyond 2^53 would accept its neighbours too. */
function checkExact(data: Node, issues: IssueLog): boolean {
  if (data.kind === "list") return data.items.map((item) => checkExact(item, issues)).every(Boolean);
  if (data.kind === "map") return data.entries.map(({ value }) => checkExact(value, issues)).every(Boolean);
  if (!/^-?\d{16,}$/.test(data.json) || Number.isSafeInteger(data.value)) return true;
  issues.add(placeOf(data), "a number beyond 2^53 cannot be compared exactly; use text here, or a range");
  return false;
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
