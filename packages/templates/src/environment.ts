/**
 * `environments`: what differs from place to place. An override replaces single fields of a step; in `config` maps are
 * merged, everything else is replaced. All environments are checked, also those that are not asked for.
 */

import { nearest } from "@tasker/engine";
import type { IssueLog } from "./document/issue-log.ts";
import {
  describe,
  type MapEntry,
  type MapNode,
  type Node,
  type Place,
  placeOf,
  placeOfKey,
  shorten,
} from "./document/tree.ts";
import { collectFields, type Field, type Fields, keyPlace } from "./fields.ts";
import { environmentKeys } from "./keys.ts";
import { collectStep, readOptional, type StepFields, templateDefaults } from "./read-step.ts";
import { readSchema } from "./schema/read-schema.ts";

/** Stands for every step of the template, as in the files of Tasker's core. */
const everyStep = "ALL";

/** Applies the environment of this name, if the document has one, to the template's fields and steps. */
export function applyEnvironments(
  field: Field | undefined,
  chosen: string | undefined,
  template: Fields,
  steps: ReadonlyMap<string, StepFields>,
  issues: IssueLog,
): void {
  if (field === undefined) return;
  if (field.node.kind !== "map") {
    issues.add(
      placeOf(field.node),
      `expected a map of environments such as { test: { steps: ... } }, found ${describe(field.node)}`,
    );
    return;
  }
  for (const entry of field.node.entries) applyEnvironment(entry, chosen, template, steps, issues);
}

function applyEnvironment(
  { key, value }: MapEntry,
  chosen: string | undefined,
  template: Fields,
  steps: ReadonlyMap<string, StepFields>,
  issues: IssueLog,
): void {
  if (value.kind !== "map") {
    const isEmpty = value.kind === "scalar" && value.value === null;
    if (!isEmpty) issues.add(placeOf(value), `expected a map of overrides, found ${describe(value)}`);
    return;
  }
  const fields: Fields = new Map();
  collectFields(value, environmentKeys, fields, issues);
  const overrides = collectOverrides(fields.get("steps"), steps, issues);
  fields.delete("steps");
  if (key !== chosen) {
    readSchema(fields.get("input_schema"), issues);
    for (const override of overrides) readOptional(override.fields, templateDefaults, issues);
    return;
  }
  for (const [name, replacement] of fields) template.set(name, replacement);
  for (const { step, fields } of overrides) {
    for (const target of step === null ? steps.values() : [step]) overrideStep(target.fields, fields);
  }
}

interface Override {
  /** Null: every step. */
  readonly step: StepFields | null;
  readonly fields: Fields;
}

/** Both forms: a map from step name to override, and a list of overrides that have a `name`. Those for all come first. */
function collectOverrides(
  field: Field | undefined,
  steps: ReadonlyMap<string, StepFields>,
  issues: IssueLog,
): Override[] {
  if (field === undefined) return [];
  const { node } = field;
  if (node.kind === "scalar") {
    issues.add(
      placeOf(node),
      `expected a map from step names to overrides, or a list of them, found ${describe(node)}`,
    );
    return [];
  }
  const overrides =
    node.kind === "map" ? overridesOfMap(node, steps, issues) : overridesOfList(node.items, steps, issues);
  return overrides.sort((a, b) => Number(a.step !== null) - Number(b.step !== null));
}

function overridesOfMap(map: MapNode, steps: ReadonlyMap<string, StepFields>, issues: IssueLog): Override[] {
  return map.entries.flatMap((entry) => {
    const step = stepNamed(entry.key, placeOfKey(map, entry), steps, issues);
    const { value } = entry;
    if (value.kind === "scalar" && value.value === null) return [];
    if (value.kind !== "map") issues.add(placeOf(value), `expected a map of overrides, found ${describe(value)}`);
    if (step === undefined || value.kind !== "map") return [];
    const { fields } = collectStep(value, issues);
    const name = fields.get("name");
    if (name !== undefined) issues.add(keyPlace(name), "an environment cannot rename a step");
    return [{ step, fields }];
  });
}

function overridesOfList(items: readonly Node[], steps: ReadonlyMap<string, StepFields>, issues: IssueLog): Override[] {
  return items.flatMap((item) => {
    if (item.kind !== "map") {
      issues.add(placeOf(item), `expected a map with the \`name\` of a step, found ${describe(item)}`);
      return [];
    }
    const { fields } = collectStep(item, issues);
    const name = fields.get("name")?.node;
    fields.delete("name");
    if (name?.kind !== "scalar" || typeof name.value !== "string") {
      issues.add(placeOf(name ?? item), "an override in a list needs the `name` of a step");
      return [];
    }
    const step = stepNamed(name.value, placeOf(name), steps, issues);
    return step === undefined ? [] : [{ step, fields }];
  });
}

/** Null for `ALL`, undefined after an issue. */
function stepNamed(
  name: string,
  place: Place,
  steps: ReadonlyMap<string, StepFields>,
  issues: IssueLog,
): StepFields | null | undefined {
  const step = steps.get(name);
  if (step !== undefined) return step;
  if (name === everyStep) return null;
  const suggestion = issues.isFull ? undefined : nearest(name, steps.keys());
  issues.add(place, `no step is named ${JSON.stringify(shorten(name, 64))}`, suggestion);
  return undefined;
}

function overrideStep(target: Fields, replacements: Fields): void {
  for (const [name, replacement] of replacements) {
    const current = target.get(name);
    const merges = name === "config" && current !== undefined;
    target.set(name, merges ? { ...replacement, node: mergeMaps(current.node, replacement.node) } : replacement);
  }
}

function mergeMaps(current: Node, replacement: Node): Node {
  if (current.kind !== "map" || replacement.kind !== "map") return replacement;
  const replacements = new Map(replacement.entries.map((entry) => [entry.key, entry]));
  const kept = current.entries.map((entry) => {
    const over = replacements.get(entry.key);
    replacements.delete(entry.key);
    return over === undefined ? entry : { ...over, value: mergeMaps(entry.value, over.value) };
  });
  return { ...current, entries: [...kept, ...replacements.values()] };
}
