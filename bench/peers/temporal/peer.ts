/**
 * Temporal: workflows of activities, one worker process; the server with SQLite in a file, set up as its own
 * `development-sqlite-file.yaml` is. https://docs.temporal.io/develop/typescript
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Client, Connection } from "@temporalio/client";
import { freePort, startServer, stopProcess } from "../../services/service.ts";
import { type Peer, type PeerKind, type PeerPlace, payload, runMany } from "../peer.ts";
import { WorkerProcess } from "../worker-process.ts";
import { namespace, serverConfig, taskQueue } from "./server-config.ts";

export const temporal: PeerKind = {
  name: "Temporal",
  durability: "one process, SQLite in a file, synchronous=full",
  durable: true,
  open,
};

/** Built by `install.sh` where there is Go. */
const binary = join(import.meta.dirname, "../bin/server");
export const temporalIsBuilt = existsSync(binary);

async function open({ folder }: PeerPlace): Promise<Peer> {
  const ports = { frontend: await freePort(), http: await freePort(), others: await Promise.all(sevenTimes(freePort)) };
  writeFileSync(join(folder, "temporal.json"), JSON.stringify(serverConfig(folder, ports)));
  const server = await startServer(
    binary,
    ["--config-file", "temporal.json", "--allow-no-auth", "start"],
    ports.frontend,
    {
      cwd: folder,
      stdio: "ignore",
    },
  );
  const address = `127.0.0.1:${ports.frontend}`;
  const connection = await Connection.connect({ address, connectTimeout: "60s" });
  await register(connection);
  const worker = await WorkerProcess.start(join(import.meta.dirname, "worker.ts"), [address]);
  const client = new Client({ connection, namespace });
  let next = 1;
  const execute = (shape: string) =>
    client.workflow.execute(shape, { taskQueue, workflowId: `bench-${next++}`, args: [payload] });
  const workflows = { single: "single", chain: "chain", "fan-out": "fanOut" };
  await execute("single");
  return {
    shapes: ["single", "chain", "fan-out"],
    latencyTasks: 30,
    run: (shape, tasks) => runMany(tasks, 100, () => execute(workflows[shape])),
    runChain: async () => void (await execute("chain")),
    async close() {
      await connection.close();
      await worker.stop();
      await stopProcess(server);
    },
  };
}

/** A new namespace is known to all parts of the server after some seconds. */
async function register(connection: Connection): Promise<void> {
  const { workflowService } = connection;
  const request = { namespace, workflowExecutionRetentionPeriod: { seconds: 86_400 as never } };
  for (let left = 60; ; left--) {
    const error = await workflowService.registerNamespace(request).catch((failure: Error) => failure);
    if (!(error instanceof Error)) break;
    if (left === 0) throw error;
    await wait(1_000);
  }
  const client = new Client({ connection, namespace });
  for (let left = 60; ; left--) {
    const error = await client.workflow.count().catch((failure: Error) => failure);
    if (!(error instanceof Error)) return;
    if (left === 0) throw error;
    await wait(1_000);
  }
}

function sevenTimes<T>(make: () => T): T[] {
  return Array.from({ length: 7 }, make);
}
