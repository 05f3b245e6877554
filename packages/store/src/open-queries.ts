/** Opens the reading side: a connection of its own that cannot write, for another thread than the one that commits. */
import { type DatabaseOptions, databasePath } from "./open-store.ts";
import type { Queries } from "./queries.ts";
import { assertMigrated } from "./sqlite/apply-migrations.ts";
import { openReader } from "./sqlite/connection.ts";
import { SqliteQueries } from "./sqlite/sqlite-queries.ts";

/** The store must have been opened before. @throws TaskerError `database_unusable` */
export function openQueries({ database }: DatabaseOptions): Queries {
  const path = databasePath(database);
  const connection = openReader(path);
  try {
    assertMigrated(connection, path);
    return new SqliteQueries(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}
