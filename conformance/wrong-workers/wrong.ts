/** A worker that is wrong in one thing, and what the kit must say of it. */
import type { RawWorker } from "./raw-worker.ts";

export interface Wrong {
  readonly name: string;
  /** What it does wrong, for people. */
  readonly wrongness: string;
  /** The rule that it breaks. */
  readonly breaks: string;
  /** The cases that fail, all of them, of those that are run: these and `passes`. */
  readonly fails: readonly string[];
  /** Cases of the same topic that its wrongness does not touch. */
  readonly passes?: readonly string[];
  readonly Worker: new () => RawWorker;
}
