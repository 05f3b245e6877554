/**
 * Text to tree. JSON is tried first, because its own parser is a hundred times faster; everything else, broken JSON
 * too, is YAML 1.2, whose parser says what is wrong and where.
 */
import { exceedsDepth } from "@tasker/json";
import { templateLimits, tooDeep } from "../limits.ts";
import type { IssueLog, Source } from "./issue-log.ts";
import { parseJson } from "./parse-json.ts";
import { parseYaml } from "./parse-yaml.ts";
import type { Node } from "./tree.ts";

/** The document's tree, or null after an issue that leaves none. */
export function parseDocument(source: Source, issues: IssueLog): Node | null {
  const start = { offset: 0, path: "" };
  const bytes = Buffer.byteLength(source.text);
  if (bytes > templateLimits.documentBytes) {
    issues.add(start, `the document has ${bytes} bytes; at most ${templateLimits.documentBytes} are accepted`);
    return null;
  }
  if (/^\s*\{/.test(source.text)) {
    if (exceedsDepth(source.text, templateLimits.nesting)) {
      issues.add(start, tooDeep);
      return null;
    }
    if (isJson(source.text)) return parseJson(source.text, issues);
  }
  if (bytes <= templateLimits.yamlBytes) return parseYaml(source.text, issues);
  issues.add(
    start,
    `the document has ${bytes} bytes; as YAML at most ${templateLimits.yamlBytes} are accepted, write it as JSON`,
  );
  return null;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
