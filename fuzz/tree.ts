/**
 * Messages as trees that may hold what JSON.stringify never writes: duplicate members, numbers of any size, raw text.
 * `write` makes the text, whatever the tree is.
 */

/** Text that stands in the message as it is, JSON or not. */
export class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object: members in their order, and as often as they come. */
export class Members {
  readonly list: [name: string, value: Tree][];

  constructor(members: Record<string, Tree> | [name: string, value: Tree][]) {
    this.list = Array.isArray(members) ? members : Object.entries(members);
  }
}

export type Tree = string | number | boolean | null | Raw | Members | Tree[];

export function write(tree: Tree): string {
  if (tree instanceof Raw) return tree.text;
  if (tree instanceof Members) {
    return `{${tree.list.map(([name, value]) => `${JSON.stringify(name)}:${write(value)}`).join(",")}}`;
  }
  if (Array.isArray(tree)) return `[${tree.map(write).join(",")}]`;
  return JSON.stringify(tree);
}
