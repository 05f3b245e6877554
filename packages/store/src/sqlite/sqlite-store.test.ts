/** The embedded store passes the suite of every store, on real files. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenDatabase, storeConformance } from "../conformance/store-conformance.ts";
import { openQueries } from "../open-queries.ts";
import { openStore } from "../open-store.ts";

for (const publishing of ["inline", "thread"] as const) {
  storeConformance(`SQLite, publishing ${publishing}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "tasker-store-"));
    return openIn(folder, publishing);
  });
}

async function openIn(folder: string, publishing: "inline" | "thread"): Promise<OpenDatabase> {
  const database = join(folder, "tasker.db");
  const store = await openStore({ database, publishing });
  const queries = openQueries({ database });
  const close = async () => {
    await queries.close();
    await store.close();
  };
  return {
    store,
    queries,
    reopen: async () => {
      await close();
      return openIn(folder, publishing);
    },
    dispose: async () => {
      await close();
      rmSync(folder, { recursive: true });
    },
  };
}
