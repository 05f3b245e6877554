/** Where text stops being JSON. JSON.parse does not say for short texts; this runs only after it has refused one. */

export interface SyntaxPlace {
  /** From 1, as `column` is. */
  readonly line: number;
  readonly column: number;
  /** E.g. `expected "," or "}", found "x"`. */
  readonly message: string;
}

const simpleEscapes = '"\\/bfnrt';
const hexDigits = /[0-9a-fA-F]{4}/y;
const space = /[ \t\n\r]*/y;
const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;

/** Null when the text is JSON. Walks without recursion, so depth is no danger. */
export function findSyntaxError(text: string): SyntaxPlace | null {
  const walk = new SyntaxWalk(text);
  const expected = walk.run();
  return expected === null ? null : placeOf(text, walk.at, expected);
}

class SyntaxWalk {
  readonly #text: string;
  /** What closes each container that is open. */
  readonly #open: ("}" | "]")[] = [];
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** What was expected at `at`, or null when all is well. */
  run(): string | null {
    for (let wantsValue = true; ; ) {
      if (wantsValue) {
        const problem = this.#value();
        if (problem !== null) return problem;
        if (this.#entered) {
          this.#entered = false;
          continue;
        }
      }
      const closing = this.#open[this.#open.length - 1];
      this.#skip(space);
      if (closing === undefined) return this.at === this.#text.length ? null : "the end of the text";
      if (this.#takes(closing)) {
        this.#open.pop();
        wantsValue = false;
      } else if (this.#takes(",")) {
        const problem = closing === "}" ? this.#key() : null;
        if (problem !== null) return problem;
        wantsValue = true;
      } else return `"," or "${closing}"`;
    }
  }

  /** The last `#value` was the start of a container with something in it: a value comes next. */
  #entered = false;

  #value(): string | null {
    this.#skip(space);
    if (this.#takes("{")) return this.#enter("}");
    if (this.#takes("[")) return this.#enter("]");
    if (this.#text[this.at] === '"') return this.#string();
    return this.#skip(scalar) ? null : "a value";
  }

  #enter(closing: "}" | "]"): string | null {
    this.#skip(space);
    if (this.#takes(closing)) return null;
    this.#open.push(closing);
    this.#entered = true;
    return closing === "}" ? this.#key() : null;
  }

  #key(): string | null {
    this.#skip(space);
    if (this.#text[this.at] !== '"') return "a member name in double quotes";
    const problem = this.#string();
    if (problem !== null) return problem;
    this.#skip(space);
    return this.#takes(":") ? null : '":"';
  }

  /** By hand: a regular expression would keep a way back for each character of a long string. */
  #string(): string | null {
    for (this.at++; this.at < this.#text.length; this.at++) {
      const character = this.#text[this.at]!;
      if (character < " ") return "no raw control character in a string";
      if (character === "\\") {
        this.at++;
        if (!this.#escape()) return 'one of " \\ / b f n r t uXXXX after a backslash';
      } else if (character === '"') {
        this.at++;
        return null;
      }
    }
    return "a closing double quote";
  }

  /** The cursor ends on the last character of the escape. */
  #escape(): boolean {
    const kind = this.#text[this.at] ?? "";
    if (kind !== "u") return kind !== "" && simpleEscapes.includes(kind);
    hexDigits.lastIndex = this.at + 1;
    if (!hexDigits.test(this.#text)) return false;
    this.at += 4;
    return true;
  }

  #takes(character: string): boolean {
    if (this.#text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}

function placeOf(text: string, at: number, expected: string): SyntaxPlace {
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  const line = text.slice(0, lineStart).split("\n").length;
  const found = at < text.length ? JSON.stringify(String.fromCodePoint(text.codePointAt(at)!)) : "the end of the text";
  return { line, column: at - lineStart + 1, message: `expected ${expected}, found ${found}` };
}
