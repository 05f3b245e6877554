/** An invariant that did not hold. Its `invariant` is a stable name; the mutation table lists it. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = "Violation";
    this.invariant = invariant;
  }
}

/** @throws Violation when `holds` is false */
export function must(invariant: string, holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new Violation(invariant, message());
}
