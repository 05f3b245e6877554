/**
 * Collects everything that is wrong with a document, so that one error tells it all. Each place is reported once, in the
 * order of the document; beyond `templateLimits.issues` places are only counted.
 */
import { type Issue, TaskerError } from "@tasker/engine";
import { templateLimits } from "../limits.ts";
import type { Place } from "./tree.ts";

export interface Source {
  readonly text: string;
  readonly file?: string | undefined;
}

interface Entry extends Place {
  readonly message: string;
  readonly suggestion: string | undefined;
}

export class IssueLog {
  readonly #source: Source;
  readonly #entries = new Map<string, Entry>();
  #uncounted = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Once true, a costly suggestion would not be shown. */
  get isFull(): boolean {
    return this.#entries.size >= templateLimits.issues;
  }

  add(place: Place, message: string, suggestion?: string): void {
    const identity = `${place.offset} ${message}`;
    if (this.#entries.has(identity)) return;
    if (this.isFull) this.#uncounted++;
    else this.#entries.set(identity, { ...place, message, suggestion });
  }

  /** @param what names the document's kind: "template", "workflow instance" */
  toError(what: string, hint: string): TaskerError {
    const issues = this.#issues();
    const total = issues.length + this.#uncounted;
    const more = this.#uncounted > 0 ? `, the first ${issues.length} listed` : "";
    const name = this.#source.file === undefined ? `the ${what}` : `${what} ${this.#source.file}`;
    const message = `${name} is not valid: ${total} ${total === 1 ? "problem" : "problems"}${more}`;
    return new TaskerError("template_invalid", message, { hint, issues });
  }

  #issues(): Issue[] {
    const lineStarts = [0];
    const { text, file } = this.#source;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
    return [...this.#entries.values()]
      .sort((a, b) => a.offset - b.offset)
      .map(({ offset, path, message, suggestion }) => {
        const line = lineOf(lineStarts, offset);
        return {
          path,
          message,
          ...(suggestion === undefined ? {} : { suggestion }),
          ...(file === undefined ? {} : { file }),
          line: line + 1,
          column: offset - lineStarts[line]! + 1,
        };
      });
  }
}

/** The last line that starts at or before `offset`. */
function lineOf(lineStarts: readonly number[], offset: number): number {
  let low = 0;
  let high = lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lineStarts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
