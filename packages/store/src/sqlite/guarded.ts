/** A write whose guard does not hold is a `conflict` that names what it was about; every other error passes. */
import { StoreError } from "@tasker/engine";
import { failureOf } from "./sqlite-errors.ts";

/** Runs an insert. @throws StoreError `conflict` when a constraint does not hold */
export function guarded(insert: () => void, conflict: () => string): void {
  try {
    insert();
  } catch (error) {
    if (failureOf(error) !== "conflict") throw error;
    throw new StoreError("conflict", conflict(), { cause: error });
  }
}
