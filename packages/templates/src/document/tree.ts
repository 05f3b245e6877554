/**
 * A document as a tree in which every value knows where it was written. YAML and JSON are read into the same tree, so
 * the rest of the loader does not know which of them it has. Numbers keep their text: nothing is rounded.
 */

interface Origin {
  /** Where the value begins in the document's text. */
  readonly offset: number;
  readonly parent: MapNode | ListNode | null;
  /** The key or index under which the parent holds it. */
  readonly key: string | number;
}

export interface MapEntry {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: Node;
}

export interface MapNode extends Origin {
  readonly kind: "map";
  /** Keys are unique. */
  readonly entries: MapEntry[];
}

export interface ListNode extends Origin {
  readonly kind: "list";
  readonly items: Node[];
}

export interface ScalarNode extends Origin {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** The value as JSON text; a number has the digits that the document has. */
  readonly json: string;
}

export type Node = MapNode | ListNode | ScalarNode;

/** A place in a document, for an issue. */
export interface Place {
  readonly offset: number;
  /** JSON path such as `steps[2].retry.limit`; empty for the document itself. */
  readonly path: string;
}

export function placeOf(node: Node): Place {
  return { offset: node.offset, path: pathOf(node) };
}

/** The place of a key of `map`, rather than of the value under it. */
export function placeOfKey(map: MapNode, entry: MapEntry): Place {
  return { offset: entry.keyOffset, path: joinPath(pathOf(map), entry.key) };
}

export function joinPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  if (!/^[A-Za-z_$:][\w$:-]*$/.test(key)) return `${path}[${JSON.stringify(shorten(key, 64))}]`;
  return path === "" ? key : `${path}.${key}`;
}

function pathOf(node: Node): string {
  const keys: (string | number)[] = [];
  for (let at: Node = node; at.parent !== null; at = at.parent) keys.push(at.key);
  return keys.reverse().reduce<string>(joinPath, "");
}

/** The value as compact JSON text. */
export function jsonText(node: Node): string {
  switch (node.kind) {
    case "scalar":
      return node.json;
    case "list":
      return `[${node.items.map(jsonText).join(",")}]`;
    case "map":
      return `{${node.entries.map((entry) => `${JSON.stringify(entry.key)}:${jsonText(entry.value)}`).join(",")}}`;
  }
}

/** How a message names a wrong value: short, and with what the reader wrote. */
export function describe(node: Node): string {
  switch (node.kind) {
    case "map":
      return "a map";
    case "list":
      return "a list";
    case "scalar":
      return node.value === null ? "nothing" : shorten(node.json, 64);
  }
}

export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

export function entryOf(map: MapNode, key: string): MapEntry | undefined {
  return map.entries.find((entry) => entry.key === key);
}
