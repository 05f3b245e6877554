/** What a round must never see. */

/** The code under test did what it must not; the message says what. */
export class Violation extends Error {}

/** @throws Violation */
export function must(holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(what());
}
