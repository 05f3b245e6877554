/** DBOS: workflows in this process, their steps checkpointed in PostgreSQL. https://docs.dbos.dev */
import { DBOS } from "@dbos-inc/dbos-sdk";
import { startPostgres } from "../../services/postgres.ts";
import { type Peer, type PeerKind, type PeerPlace, payload, postgresDurability, runMany } from "../peer.ts";

export const dbos: PeerKind = { name: "DBOS", durability: postgresDurability, durable: true, open };

type Payload = typeof payload;
const step = async () => payload;

const single = DBOS.registerWorkflow((_input: Payload) => DBOS.runStep(step, { name: "step" }), { name: "single" });

const chain = DBOS.registerWorkflow(
  async (input: Payload) => {
    let last = input;
    for (let i = 1; i <= 10; i++) last = await DBOS.runStep(step, { name: `step_${i}` });
    return last;
  },
  { name: "chain" },
);

const fanOut = DBOS.registerWorkflow(
  async (_input: Payload) => {
    await Promise.allSettled(Array.from({ length: 10 }, (_, i) => DBOS.runStep(step, { name: `step_${i}` })));
    return DBOS.runStep(step, { name: "join" });
  },
  { name: "fan-out" },
);

async function open({ folder }: PeerPlace): Promise<Peer> {
  const postgres = await startPostgres(folder);
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: postgres.url.replace(/postgres$/, "bench"),
    systemDatabasePoolSize: 50,
    logLevel: "error",
  });
  await DBOS.launch();
  // As functions of their own: a method of an object would be taken for a workflow of a class.
  const workflows = { single: () => single(payload), chain: () => chain(payload), "fan-out": () => fanOut(payload) };
  return {
    shapes: ["single", "chain", "fan-out"],
    latencyTasks: 100,
    run: (shape, tasks) => runMany(tasks, 100, workflows[shape]),
    runChain: () => workflows.chain().then(() => {}),
    async close() {
      await DBOS.shutdown();
      await postgres.stop();
    },
  };
}
