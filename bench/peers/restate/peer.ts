/** Restate: durable handlers whose steps are `ctx.run`, in a process of their own; called over HTTP. https://docs.restate.dev */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { connect } from "@restatedev/restate-sdk-clients";
import { freePort, startServer, stopProcess } from "../../services/service.ts";
import { type Peer, type PeerKind, type PeerPlace, payload, runMany } from "../peer.ts";
import { WorkerProcess } from "../worker-process.ts";
import type { Bench } from "./service.ts";

export const restate: PeerKind = {
  name: "Restate",
  durability: "one node, its log fsynced (default)",
  durable: true,
  open,
};

async function open({ folder }: PeerPlace): Promise<Peer> {
  const [ingress, admin, node, service] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const server = await startServer(serverBinary(), ["--base-dir", join(folder, "restate")], ingress, {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}/`,
      RESTATE_DISABLE_TELEMETRY: "true",
      RESTATE_LOG_FILTER: "error,octocrab=off",
    },
  });
  const worker = await WorkerProcess.start(join(import.meta.dirname, "service.ts"), [String(service)], {
    RESTATE_LOGGING: "ERROR",
  });
  await register(admin, service);
  const client = connect({ url: `http://127.0.0.1:${ingress}` }).serviceClient<Bench>({ name: "bench" });
  const calls = { single: client.single, chain: client.chain, "fan-out": client.fanOut };
  return {
    shapes: ["single", "chain", "fan-out"],
    latencyTasks: 100,
    run: (shape, tasks) => runMany(tasks, 200, async () => calls[shape](payload)),
    runChain: async () => void (await client.chain(payload)),
    async close() {
      await worker.stop();
      await stopProcess(server);
    },
  };
}

/** The npm package of the server has one of the binary for each platform. */
function serverBinary(): string {
  const require = createRequire(import.meta.url);
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}/package.json`;
  return join(dirname(require.resolve(platform)), "bin/restate-server");
}

async function register(admin: number, service: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${service}` }),
  });
  if (!answer.ok) throw new Error(`Restate does not take the service: ${answer.status} ${await answer.text()}`);
}
