/** The embedded store passes the suite of every store, on real files. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenDatabase, storeConformance } from "../conformance/store-conformance.ts";
import { openQueries } from "../open-queries.ts";
import { openStore, type StoreOptions } from "../open-store.ts";
import { defaultSegmentBytes } from "./turn-log.ts";

const publishings: readonly Pick<StoreOptions, "publishing" | "turnLog">[] = [
  { publishing: "inline" },
  { publishing: "thread" },
  { publishing: "thread", turnLog: { segmentBytes: defaultSegmentBytes, syncAsideBytes: 1 } },
];

for (const options of publishings) {
  storeConformance(`SQLite, ${JSON.stringify(options)}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "tasker-store-"));
    return openIn(folder, options);
  });
}

async function openIn(folder: string, options: Pick<StoreOptions, "publishing" | "turnLog">): Promise<OpenDatabase> {
  const database = join(folder, "tasker.db");
  const store = await openStore({ database, ...options });
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
      return openIn(folder, options);
    },
    dispose: async () => {
      await close();
      rmSync(folder, { recursive: true });
    },
  };
}
