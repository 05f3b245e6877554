/** The stores that Tasker can be measured on. The bare pipeline always has its own SQLite file: the limit stays one. */
import { join } from "node:path";
import { startPostgres } from "./services/postgres.ts";

export interface BenchStore {
  /** What `openStore` is given. */
  readonly database: string;
  close(): Promise<void>;
}

const openers: Record<string, (folder: string) => Promise<BenchStore>> = {
  sqlite: async (folder) => ({ database: join(folder, "tasker.db"), close: async () => {} }),
  postgres: async (folder) => {
    const server = await startPostgres(folder);
    return { database: server.url, close: server.stop };
  },
};

export const storeNames = Object.keys(openers);

export function openBenchStore(name: string, folder: string): Promise<BenchStore> {
  return openers[name]!(folder);
}
