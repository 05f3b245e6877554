/** `tasker worker list`: the workers that are connected now. */
import { type ClientOptions, clientOf, tableSize } from "../../client-options.ts";
import { type ExitCode, exitCodes } from "../../exit-codes.ts";
import { path } from "../../http/server-client.ts";
import type { Shell } from "../../shell.ts";
import type { Page } from "../../task-json.ts";
import { table } from "../../view/text.ts";

export interface WorkerItem {
  readonly id: string;
  readonly protocol: string;
  readonly language: string | null;
  readonly sdk: string | null;
  readonly version: string | null;
  readonly pool: string;
  readonly handlers: readonly string[] | null;
  readonly capacity: number;
  readonly in_flight: number;
  readonly status: string;
}

export async function listWorkers(shell: Shell, options: ClientOptions): Promise<ExitCode> {
  const { text } = await clientOf(shell, options).get(path("workers"));
  if (options.json) {
    shell.out.write(`${text}\n`);
    return exitCodes.ok;
  }
  const { items } = JSON.parse(text) as Page<WorkerItem>;
  if (items.length === 0) {
    shell.err.write("no workers are connected; `tasker dev` prints the variables that a worker needs\n");
    return exitCodes.ok;
  }
  const head = ["WORKER", "STATUS", "POOL", "BUSY", "LANGUAGE", "PROTOCOL", "HANDLERS"];
  shell.out.write(`${table(head, items.map(workerRow), tableSize(shell)).join("\n")}\n`);
  return exitCodes.ok;
}

function workerRow(worker: WorkerItem): string[] {
  return [
    worker.id,
    worker.status,
    worker.pool,
    `${worker.in_flight}/${worker.capacity}`,
    worker.language ?? "-",
    worker.protocol,
    worker.handlers === null ? "any" : worker.handlers.join(", "),
  ];
}
