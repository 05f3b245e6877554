/** pg-boss: jobs and flows in PostgreSQL, fetched in batches of 500; one worker process. https://pgboss.io */
import { join } from "node:path";
import { type FlowJob, PgBoss } from "pg-boss";
import { startPostgres } from "../../services/postgres.ts";
import { type Peer, type PeerKind, type PeerPlace, parts, payload, postgresDurability } from "../peer.ts";
import { WorkerProcess } from "../worker-process.ts";

export const pgBoss: PeerKind = {
  name: "pg-boss",
  durability: `${postgresDurability}; flows are resolved once a second`,
  durable: true,
  open,
};

async function open({ folder }: PeerPlace): Promise<Peer> {
  const postgres = await startPostgres(folder);
  const worker = await WorkerProcess.start(join(import.meta.dirname, "worker.ts"), [postgres.url]);
  const boss = new PgBoss({ connectionString: postgres.url, supervise: false, schedule: false, migrate: false });
  boss.on("error", (error) => console.error(error.message));
  await boss.start();
  return {
    shapes: ["single", "chain", "fan-out"],
    latencyTasks: 2,
    async run(shape, tasks) {
      const ended = worker.ended(tasks);
      if (shape === "single") {
        for (const count of parts(tasks, 1_000)) await boss.insert("root", new Array(count).fill({ data: payload }));
      } else {
        const flow = shape === "chain" ? chain : fanOut;
        for (const count of parts(tasks, 50)) await boss.flow(Array.from({ length: count }, (_, i) => flow(i)).flat());
      }
      await ended;
    },
    async runChain() {
      const ended = worker.ended(1);
      await boss.flow(chain(0));
      await ended;
    },
    async close() {
      await boss.stop({ graceful: false });
      await worker.stop();
      await postgres.stop();
    },
  };
}

function chain(task: number): FlowJob[] {
  return Array.from({ length: 10 }, (_, i) => ({
    ref: `${task}.${i}`,
    name: i === 9 ? "root" : "step",
    data: payload,
    dependsOn: i === 0 ? [] : [`${task}.${i - 1}`],
  }));
}

function fanOut(task: number): FlowJob[] {
  const steps = Array.from({ length: 10 }, (_, i) => ({ ref: `${task}.${i}`, name: "step", data: payload }));
  return [...steps, { ref: `${task}.join`, name: "root", data: payload, dependsOn: steps.map(({ ref }) => ref) }];
}
