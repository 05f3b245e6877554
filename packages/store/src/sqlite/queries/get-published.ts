/** Up to which turn the tables have been brought, and which log is theirs. */
import type { DatabaseSync } from "node:sqlite";

export interface PublishedTurn {
  readonly turn: number;
  readonly lineage: number;
}

export function getPublished(database: DatabaseSync): PublishedTurn {
  return database.prepare("select turn, lineage from published").get() as unknown as PublishedTurn;
}
