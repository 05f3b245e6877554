/** Does an orchestrator run, is it ready, has it workers; and if none runs, could one listen? */
import { createServer } from "node:net";
import { addressText, type ServerConfig } from "@tasker/server/config";
import { CommandError } from "../command-error.ts";
import type { Finding } from "../commands/doctor.ts";
import type { WorkerItem } from "../commands/worker/list.ts";
import { exitCodes } from "../exit-codes.ts";
import { path, type ServerClient } from "../http/server-client.ts";
import type { Page } from "../task-json.ts";

/** @param named whether somebody said which server: then it has to be there */
export async function* serverChecks(
  client: ServerClient,
  config: ServerConfig,
  named: boolean,
): AsyncGenerator<Finding> {
  const server = await reachServer(client, named);
  yield server;
  if (server.status !== "ok") {
    yield await portIsFree(config);
    return;
  }
  yield await connectedWorkers(client);
}

async function reachServer(client: ServerClient, named: boolean): Promise<Finding> {
  const check = "server";
  try {
    await client.get("readyz");
    return { check, status: "ok", message: `${client.url.origin} is ready`, next: null };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const status = named || error.exitCode !== exitCodes.unreachable ? "fail" : "warn";
    return { check, status, message: error.message, next: error.hint };
  }
}

async function connectedWorkers(client: ServerClient): Promise<Finding> {
  const check = "workers";
  try {
    const { items } = JSON.parse((await client.get(path("workers"))).text) as Page<WorkerItem>;
    if (items.length > 0) return { check, status: "ok", message: `${items.length} connected`, next: null };
    const next = "Start one with TASKER_STEPS_ENDPOINT and TASKER_RESULTS_ENDPOINT as `tasker dev` prints them.";
    return { check, status: "warn", message: "none is connected: steps wait with the reason no_worker", next };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { check, status: "fail", message: error.message, next: error.hint };
  }
}

function portIsFree({ http }: ServerConfig): Promise<Finding> {
  const check = "http port";
  const address = addressText(http);
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      const message = taken ? `something else listens on ${address}` : `${address}: ${error.message}`;
      resolve({ check, status: "fail", message, next: "Choose another with --http HOST:PORT, or stop what uses it." });
    });
    probe.listen(http.port, http.host, () => {
      probe.close(() => resolve({ check, status: "ok", message: `${address} is free`, next: null }));
    });
  });
}
