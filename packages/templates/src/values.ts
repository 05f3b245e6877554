/** Reads single values of a template. A wrong one is reported with what was expected, and the fallback goes on in its place. */

import { nearest } from "@tasker/engine";
import type { IssueLog } from "./document/issue-log.ts";
import { describe, type Node, placeOf, type ScalarNode, shorten } from "./document/tree.ts";
import { durationExamples, formatDuration, parseDuration } from "./duration.ts";
import type { Field } from "./fields.ts";
import { templateLimits } from "./limits.ts";

/** Of templates, namespaces and steps. */
export const namePattern = `^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,${templateLimits.nameLength - 1}}$`;
const validName = new RegExp(namePattern);

export const versionPattern = String.raw`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`;
const validVersion = new RegExp(versionPattern);

export function readName(node: Node, what: string, issues: IssueLog): string | null {
  const text = readText(node, `the name of the ${what}`, templateLimits.nameLength, issues);
  if (text === null || validName.test(text)) return text;
  const expected = "letters, digits, _ . : and -, not . : or - first";
  issues.add(
    placeOf(node),
    `${JSON.stringify(shorten(text, 64))} is not a name for a ${what}: ${expected}`,
    repairName(text),
  );
  return null;
}

/** The same name with what is not allowed replaced; undefined when nothing would be left. */
export function repairName(text: string): string | undefined {
  const repaired = text.replaceAll(/[^A-Za-z0-9_.:-]+/g, "_").slice(0, templateLimits.nameLength);
  if (/^_*$/.test(repaired)) return undefined;
  return repaired.replace(/^[.:-]+/, "_");
}

export function readVersion(node: Node, issues: IssueLog): string | null {
  const isNumber = node.kind === "scalar" && typeof node.value === "number";
  const text = isNumber ? node.json : readText(node, "the version", templateLimits.versionLength, issues);
  if (text === null || (!isNumber && validVersion.test(text))) return text;
  const padded = /^\d+(\.\d+)?$/.test(text) ? [...text.split("."), "0", "0"].slice(0, 3).join(".") : undefined;
  issues.add(placeOf(node), `${describe(node)} is not a version; expected MAJOR.MINOR.PATCH such as 1.0.0`, padded);
  return null;
}

/** Text that is not empty, and that every store and every wire format can hold. */
export function readText(node: Node, what: string, maxLength: number, issues: IssueLog): string | null {
  if (node.kind !== "scalar" || typeof node.value !== "string") {
    const advice = node.kind === "scalar" && node.value !== null ? "; put it in quotes" : "";
    issues.add(placeOf(node), `expected text for ${what}, found ${describe(node)}${advice}`);
    return null;
  }
  if (node.value.trim() === "") issues.add(placeOf(node), `${what} is empty`);
  else if (node.value.length > maxLength) issues.add(placeOf(node), `${what} is longer than ${maxLength} characters`);
  else if (!node.value.isWellFormed() || node.value.includes("\0")) {
    issues.add(placeOf(node), `${what} has a NUL character or half of a surrogate pair`);
  } else return node.value;
  return null;
}

/** What YAML 1.1 and other languages write. */
const otherBooleans = new Map([
  ...["true", "yes", "on"].map((word) => [word, "true"] as const),
  ...["false", "no", "off"].map((word) => [word, "false"] as const),
]);

export function readBoolean(field: Field | undefined, fallback: boolean, issues: IssueLog): boolean {
  if (field === undefined) return fallback;
  const { node } = field;
  if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
  const meant = node.kind === "scalar" ? otherBooleans.get(String(node.value).toLowerCase()) : undefined;
  issues.add(placeOf(node), `expected true or false, found ${describe(node)}`, meant);
  return fallback;
}

export function readInteger(node: Node, min: number, max: number, issues: IssueLog): number | null {
  const value = node.kind === "scalar" ? node.value : null;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  issues.add(placeOf(node), `expected an integer from ${min} to ${max}, found ${describe(node)}`);
  return null;
}

export function readShare(node: Node, issues: IssueLog): number | null {
  const value = node.kind === "scalar" ? node.value : null;
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  issues.add(placeOf(node), `expected a number from 0 to 1, found ${describe(node)}`);
  return null;
}

export function readChoice<Choice extends string>(
  field: Field | undefined,
  choices: readonly Choice[],
  fallback: Choice,
  issues: IssueLog,
): Choice {
  if (field === undefined) return fallback;
  const { node } = field;
  const value = node.kind === "scalar" ? node.value : null;
  const chosen = choices.find((choice) => choice === value);
  if (chosen !== undefined) return chosen;
  const suggestion = typeof value === "string" ? nearest(value, choices) : undefined;
  issues.add(placeOf(node), `expected ${choices.join(", ")}; found ${describe(node)}`, suggestion);
  return fallback;
}

/**
 * Milliseconds. A key that ends in `_ms` or `_seconds` takes a number, any other one text such as `30s`: a bare number
 * there would leave open what it counts.
 */
export function readDuration(field: Field, minMs: number, maxMs: number, issues: IssueLog): number | null {
  const { node, spelling } = field;
  const value = node.kind === "scalar" ? node.value : null;
  const unit = spelling.endsWith("_ms") ? "ms" : spelling.endsWith("_seconds") ? "s" : null;
  const ms = unit === null ? durationOf(value) : countOf(value, unit);
  if (ms === null) {
    const counted = unit === "ms" ? "a number of milliseconds" : "a number of seconds";
    const expected = unit === null ? `a duration such as ${durationExamples}` : counted;
    const suggestion = unit === null && typeof value === "number" ? `${(node as ScalarNode).json}s` : undefined;
    issues.add(placeOf(node), `expected ${expected}, found ${describe(node)}`, suggestion);
  } else if (ms < minMs || ms > maxMs) {
    const range = `${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
    issues.add(placeOf(node), `expected a duration from ${range}, found ${describe(node)}`);
  } else return ms;
  return null;
}

function durationOf(value: unknown): number | null {
  return typeof value === "string" ? parseDuration(value) : null;
}

function countOf(value: unknown, unit: "ms" | "s"): number | null {
  if (typeof value !== "number" || !Number.isFinite(value)) return null;
  if (unit === "ms") return Number.isInteger(value) ? value : null;
  return Math.round(value * 1000);
}
