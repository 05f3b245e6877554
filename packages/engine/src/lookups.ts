/** What a turn has to read from the store before it can decide on its inputs: one query each, and mostly none. */
import type { Input } from "./inbox.ts";
import { needsLookup, type StoredLeases } from "./lifecycle/apply-results.ts";
import type { World } from "./memory.ts";
import type { Store, StoredLease, TaskRow } from "./ports.ts";

/** The tasks that the idempotency keys of these submissions have already, by key. */
export async function knownKeys(store: Store, inputs: readonly Input[]): Promise<Map<string, TaskRow>> {
  const keys: string[] = [];
  for (const input of inputs) {
    if (input.kind !== "submit") continue;
    for (const { request } of input.tasks) if (request.idempotencyKey !== null) keys.push(request.idempotencyKey);
  }
  const rows = keys.length === 0 ? [] : await store.tasksByIdempotencyKey(keys);
  return new Map(rows.map((row) => [row.idempotencyKey!, row]));
}

/** The rows of steps whose results match no lease in memory; undefined for those that do not exist. */
export async function storedLeases(store: Store, world: World, inputs: readonly Input[]): Promise<StoredLeases> {
  const stepIds = new Set<number>();
  for (const input of inputs) {
    if (input.kind !== "results") continue;
    for (const result of input.results) if (needsLookup(world, result)) stepIds.add(result.stepId);
  }
  const found = new Map<number, StoredLease | undefined>();
  if (stepIds.size === 0) return found;
  for (const stepId of stepIds) found.set(stepId, undefined);
  for (const row of await store.leases([...stepIds])) found.set(row.stepId, row);
  return found;
}
