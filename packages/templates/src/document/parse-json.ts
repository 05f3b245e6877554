/**
 * JSON text to tree, with offsets. Only for text that JSON.parse accepts and that is not nested too deep; numbers and
 * strings keep the very characters that they were written with.
 */
import type { IssueLog } from "./issue-log.ts";
import { type ListNode, type MapNode, type Node, placeOfKey } from "./tree.ts";

export function parseJson(text: string, issues: IssueLog): Node {
  return new JsonReader(text, issues).value(null, "");
}

const word = /[-+.\w]+/y;

class JsonReader {
  readonly #text: string;
  readonly #issues: IssueLog;
  #at = 0;

  constructor(text: string, issues: IssueLog) {
    this.#text = text;
    this.#issues = issues;
  }

  value(parent: MapNode | ListNode | null, key: string | number): Node {
    const first = this.#peek();
    const offset = this.#at;
    if (first === "{") return this.#map({ kind: "map", offset, parent, key, entries: [] });
    if (first === "[") return this.#list({ kind: "list", offset, parent, key, items: [] });
    const json = first === '"' ? this.#string() : this.#word();
    return { kind: "scalar", offset, parent, key, value: JSON.parse(json), json };
  }

  #map(map: MapNode): MapNode {
    const seen = new Set<string>();
    this.#at++;
    while (this.#peek() !== "}") {
      if (this.#peek() === ",") this.#at++;
      this.#peek();
      const keyOffset = this.#at;
      const key = JSON.parse(this.#string()) as string;
      this.#peek();
      this.#at++;
      const entry = { key, keyOffset, value: this.value(map, key) };
      if (seen.has(key)) this.#issues.add(placeOfKey(map, entry), `the key ${JSON.stringify(key)} is there twice`);
      else map.entries.push(entry);
      seen.add(key);
    }
    this.#at++;
    return map;
  }

  #list(list: ListNode): ListNode {
    this.#at++;
    while (this.#peek() !== "]") {
      if (this.#peek() === ",") this.#at++;
      list.items.push(this.value(list, list.items.length));
    }
    this.#at++;
    return list;
  }

  /** The next character that is not white space. */
  #peek(): string {
    while (this.#text.charCodeAt(this.#at) <= 0x20) this.#at++;
    return this.#text[this.#at]!;
  }

  #string(): string {
    const start = this.#at;
    do this.#at = this.#text.indexOf('"', this.#at + 1);
    while (this.#isEscaped(this.#at));
    this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #isEscaped(at: number): boolean {
    let before = at;
    while (this.#text[before - 1] === "\\") before--;
    return (at - before) % 2 === 1;
  }

  /** A number, `true`, `false` or `null`. */
  #word(): string {
    word.lastIndex = this.#at;
    const [text] = word.exec(this.#text)!;
    this.#at = word.lastIndex;
    return text;
  }
}
