/**
 * YAML 1.2 (core schema) to tree. Beyond the core: merge keys (`<<`), which Ruby's YAML files use. Aliases are followed
 * up to a bound, tags that are not of the core are refused, and what JSON cannot say (infinity, keys that are maps) too.
 */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { templateLimits, tooDeep } from "../limits.ts";
import type { IssueLog } from "./issue-log.ts";
import { type ListNode, type MapEntry, type MapNode, type Node, placeOf, placeOfKey } from "./tree.ts";

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;

export function parseYaml(text: string, issues: IssueLog): Node | null {
  const document = compose(text, issues);
  if (document === null) return null;
  if (document.contents === null) {
    issues.add({ offset: 0, path: "" }, "the document is empty; expected a map with `name` and `steps`");
    return null;
  }
  const builder = new TreeBuilder(issues);
  const root = builder.build(document.contents, null, "");
  return builder.isExhausted ? null : root;
}

/** Null when the text is not YAML: a tree made from guesses would only add misleading issues. */
function compose(text: string, issues: IssueLog) {
  const { stackTraceLimit } = Error;
  try {
    // The parser makes an error object for every wrong character; their stacks would take most of the time.
    Error.stackTraceLimit = 0;
    // uniqueKeys compares every key with every other: 100,000 keys in one map take minutes. TreeBuilder has a Set.
    const document = parseDocument(text, {
      version: "1.2",
      schema: "core",
      uniqueKeys: false,
      prettyErrors: false,
      resolveKnownTags: false,
      logLevel: "error",
    });
    for (const problem of [...document.errors, ...document.warnings]) {
      issues.add({ offset: problem.pos[0], path: "" }, messageOf(problem));
    }
    return issues.isEmpty ? document : null;
  } catch (error) {
    // A full stack; within a regular expression it is a SyntaxError.
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    issues.add({ offset: 0, path: "" }, messageOf(error));
    return null;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function messageOf(problem: Error | YAMLError): string {
  if (/call stack|stack overflow/i.test(problem.message)) return tooDeep;
  const isSecond = "code" in problem && problem.code === "MULTIPLE_DOCS";
  return `not valid YAML: ${isSecond ? "a second document begins here" : problem.message}`;
}

class TreeBuilder {
  readonly #issues: IssueLog;
  /** Anchored nodes that are complete, so that none can contain itself. */
  readonly #anchors = new Map<string, unknown>();
  #depth = 0;
  #insideAliases = 0;
  #aliasedValues = 0;
  #isReported = false;

  constructor(issues: IssueLog) {
    this.#issues = issues;
  }

  /** Aliases stand for too much: whatever follows is left out. */
  get isExhausted(): boolean {
    return this.#aliasedValues > templateLimits.aliasedValues;
  }

  build(node: unknown, parent: MapNode | ListNode | null, key: string | number): Node {
    if (isAlias(node)) return this.#alias(node, parent, key);
    const offset = offsetOf(node);
    if (this.#insideAliases > 0) this.#aliasedValues++;
    if (this.isExhausted) return nothing(offset, parent, key);
    if (this.#depth >= templateLimits.nesting) {
      const empty = nothing(offset, parent, key);
      this.#issues.add(placeOf(empty), tooDeep);
      return empty;
    }
    this.#depth++;
    const built = this.#collectionOrScalar(node, offset, parent, key);
    this.#depth--;
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    return built;
  }

  #collectionOrScalar(node: unknown, offset: number, parent: MapNode | ListNode | null, key: string | number): Node {
    if (isMap(node)) return this.#map(node, { kind: "map", offset, parent, key, entries: [] });
    if (isSeq(node)) {
      const list: ListNode = { kind: "list", offset, parent, key, items: [] };
      for (const item of node.items) list.items.push(this.build(item, list, list.items.length));
      return list;
    }
    return isScalar(node) ? this.#scalar(node, offset, parent, key) : nothing(offset, parent, key);
  }

  #alias(alias: Alias, parent: MapNode | ListNode | null, key: string | number): Node {
    const offset = offsetOf(alias);
    const place = placeOf(nothing(offset, parent, key));
    if (!this.#anchors.has(alias.source)) {
      this.#issues.add(place, `the alias *${alias.source} has no anchor &${alias.source} before it`);
      return nothing(offset, parent, key);
    }
    this.#insideAliases++;
    const built = this.build(this.#anchors.get(alias.source), parent, key);
    this.#insideAliases--;
    if (this.#insideAliases === 0 && this.isExhausted && !this.#isReported) {
      this.#isReported = true;
      this.#issues.add(place, `aliases stand for more than ${templateLimits.aliasedValues} values`);
    }
    return built;
  }

  #map(yaml: YAMLMap, map: MapNode): MapNode {
    const seen = new Set<string>();
    const merged: MapEntry[] = [];
    for (const pair of yaml.items) {
      const keyOffset = pair.key === null ? map.offset : offsetOf(pair.key);
      const key = this.#key(pair, map, keyOffset);
      if (key === null) continue;
      if (key === "<<" && (pair.key as Scalar).type === "PLAIN") {
        for (const entry of this.#mergedEntries(pair.value, map)) merged.push(entry);
        continue;
      }
      const value = pair.value === null ? nothing(keyOffset, map, key) : this.build(pair.value, map, key);
      const entry = { key, keyOffset, value };
      if (seen.has(key)) this.#issues.add(placeOfKey(map, entry), `the key ${JSON.stringify(key)} is there twice`);
      else map.entries.push(entry);
      seen.add(key);
    }
    for (const entry of merged) {
      if (!seen.has(entry.key)) map.entries.push(entry);
      seen.add(entry.key);
    }
    return map;
  }

  #key(pair: Pair, map: MapNode, offset: number): string | null {
    if (isScalar(pair.key) && pair.key.value !== null) {
      return typeof pair.key.value === "string" ? pair.key.value : (pair.key.source ?? String(pair.key.value));
    }
    this.#issues.add({ offset, path: placeOf(map).path }, "a key must be text");
    return null;
  }

  #mergedEntries(value: unknown, map: MapNode): MapEntry[] {
    const built = this.build(value, map, "<<");
    const sources = built.kind === "list" ? built.items : [built];
    return sources.flatMap((source) => {
      if (source.kind === "map") return source.entries;
      if (!this.isExhausted) this.#issues.add(placeOf(source), "`<<` takes a map, or a list of maps, to merge in");
      return [];
    });
  }

  #scalar(scalar: Scalar, offset: number, parent: MapNode | ListNode | null, key: string | number): Node {
    const value = scalar.value;
    const origin = { kind: "scalar", offset, parent, key } as const;
    if (typeof value === "string") return { ...origin, value, json: JSON.stringify(value) };
    if (typeof value === "boolean") return { ...origin, value, json: String(value) };
    if (typeof value !== "number") return nothing(offset, parent, key);
    const json = numberText(value, scalar.source ?? "");
    if (json !== null) return { ...origin, value, json };
    const zero: Node = { ...origin, value: 0, json: "0" };
    this.#issues.add(
      placeOf(zero),
      `JSON has no number ${scalar.source}; write a finite number, or quote it to have text`,
    );
    return zero;
  }
}

/** The number as JSON text, with the digits as written where JSON allows them. Null: there is no such JSON number. */
function numberText(value: number, source: string): string | null {
  if (jsonNumber.test(source)) return source;
  // 0x.., 0o.., +1, 007: BigInt keeps those beyond 2^53 exact.
  const integer = /^(\+?)(-?)(0x[\da-fA-F]+|0o[0-7]+|\d+)$/.exec(source);
  if (integer) return `${integer[2]}${BigInt(integer[3]!)}`;
  return Number.isFinite(value) ? String(value) : null;
}

function offsetOf(node: unknown): number {
  return (node as { range?: [number, number, number] | null } | null)?.range?.[0] ?? 0;
}

function nothing(offset: number, parent: MapNode | ListNode | null, key: string | number): Node {
  return { kind: "scalar", offset, parent, key, value: null, json: "null" };
}
