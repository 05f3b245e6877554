/**
 * The first pass over a map: which field each key is about, whatever it is called in the file. Unknown keys, keys of
 * later releases and fields given twice are reported here; the values are read later.
 */

import { nearest } from "@tasker/engine";
import type { IssueLog } from "./document/issue-log.ts";
import { type MapEntry, type MapNode, type Node, type Place, placeOfKey, shorten } from "./document/tree.ts";
import type { KeyTable } from "./keys.ts";

export interface Field {
  /** The key as written, without the colon of a Ruby symbol. */
  readonly spelling: string;
  readonly node: Node;
  readonly entry: MapEntry;
  /** Whose entry it is. */
  readonly map: MapNode;
}

/** The place of the key, for what is wrong with the field as a whole. */
export function keyPlace({ map, entry }: Field): Place {
  return placeOfKey(map, entry);
}

/** Field -> what was written for it. A field whose value is empty (null) counts as not written. */
export type Fields = Map<string, Field>;

/** @returns whether a key of a later release was met */
export function collectFields(map: MapNode, table: KeyTable, into: Fields, issues: IssueLog): boolean {
  let metLater = false;
  for (const entry of map.entries) {
    const spelling = entry.key.startsWith(":") ? entry.key.slice(1) : entry.key;
    const name = table.spellings.get(spelling);
    const later = table.later.get(spelling);
    if (name !== undefined) {
      if (!isEmpty(entry.value)) addField(name, { spelling, node: entry.value, entry, map }, into, issues);
    } else if (later !== undefined) {
      metLater = true;
      issues.add(placeOfKey(map, entry), notYet(spelling, later));
    } else if (!table.ignored.has(spelling)) {
      const suggestion = issues.isFull ? undefined : nearest(spelling, candidates(table));
      const known = `known keys: ${table.names.join(", ")}`;
      issues.add(placeOfKey(map, entry), `unknown key ${JSON.stringify(shorten(spelling, 64))}; ${known}`, suggestion);
    }
  }
  return metLater;
}

/** @param what what `key` is about, such as "decision steps" */
export function notYet(key: string, what: string): string {
  return `\`${key}\` (${what}) is not supported yet: a later release will read it`;
}

/** Names before aliases: of equally near ones, the name is offered. */
function candidates(table: KeyTable): Set<string> {
  return new Set([...table.names, ...table.spellings.keys(), ...table.later.keys()]);
}

function addField(name: string, field: Field, into: Fields, issues: IssueLog): void {
  const earlier = into.get(name);
  const joined = earlier === undefined ? field : combined.get(name)?.(earlier, field);
  if (joined !== undefined) into.set(name, joined);
  else issues.add(keyPlace(field), `\`${field.spelling}\` says the same as \`${earlier?.spelling}\`; keep one of them`);
}

function isEmpty(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

/** Fields that files of the Rails engine write twice, in two ways; undefined: these two do not go together. */
const combined: ReadonlyMap<string, (earlier: Field, later: Field) => Field | undefined> = new Map([
  ["namespace", (earlier: Field, later: Field) => without("module_namespace", earlier, later)],
  ["steps", (earlier: Field, later: Field) => without("named_steps", earlier, later)],
  ["depends_on", joinLists],
]);

/** The one of the two that is not written as `spelling`: the Ruby module, or the mere names of the steps. */
function without(spelling: string, earlier: Field, later: Field): Field | undefined {
  if (later.spelling === spelling) return earlier;
  return earlier.spelling === spelling ? later : undefined;
}

function joinLists(earlier: Field, later: Field): Field {
  const items = [earlier, later].flatMap(({ node }) => (node.kind === "list" ? node.items : [node]));
  const { offset, parent, key } = earlier.node;
  return { ...earlier, node: { kind: "list", offset, parent, key, items } };
}
