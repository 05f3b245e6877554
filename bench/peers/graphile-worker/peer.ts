/**
 * Graphile Worker: jobs in PostgreSQL, taken and completed in batches; one worker process. It has no graphs: a chain is jobs
 * that each add the next. https://worker.graphile.org/docs/performance
 */
import { join } from "node:path";
import { makeWorkerUtils } from "graphile-worker";
import { startPostgres } from "../../services/postgres.ts";
import { type Peer, type PeerKind, type PeerPlace, parts, payload, postgresDurability } from "../peer.ts";
import { WorkerProcess } from "../worker-process.ts";

export const graphileWorker: PeerKind = {
  name: "Graphile Worker",
  durability: `${postgresDurability}; no graphs`,
  durable: true,
  open,
};

async function open({ folder }: PeerPlace): Promise<Peer> {
  const postgres = await startPostgres(folder);
  const worker = await WorkerProcess.start(join(import.meta.dirname, "worker.ts"), [postgres.url]);
  const utils = await makeWorkerUtils({ connectionString: postgres.url });
  const add = (shape: "single" | "chain", count: number) =>
    utils.addJobs(new Array(count).fill({ identifier: shape, payload: { ...payload, left: 9 } }));
  return {
    shapes: ["single", "chain"],
    latencyTasks: 100,
    async run(shape, tasks) {
      const ended = worker.ended(tasks);
      for (const count of parts(tasks, 1_000)) await add(shape as "single" | "chain", count);
      await ended;
    },
    async runChain() {
      const ended = worker.ended(1);
      await add("chain", 1);
      await ended;
    },
    async close() {
      await utils.release();
      await worker.stop();
      await postgres.stop();
    },
  };
}
