/** Submissions as clients make them: to the `tasker server` command, over HTTP, one task or up to a thousand in a call. */
import { payload, type Scenario } from "../scenarios.ts";
import { openBenchStore } from "../stores.ts";
import type { Place, System } from "../system.ts";
import { usageOf, usageOfProcess } from "../usage.ts";
import { bulkBody, TaskerServer } from "./server.ts";

export async function openOverHttp(scenario: Scenario, { folder, store }: Place): Promise<System> {
  const { database, close } = await openBenchStore(store, folder);
  const server = await TaskerServer.start(database);
  const steps = [{ name: "step_0", handler: "noop" }];
  const template = { namespace: "bench", name: "bench", version: "1.0.0", steps };
  await server.send("PUT", "/v1/templates/bench/bench/1.0.0", JSON.stringify(template));
  const task = `{"namespace":"bench","name":"bench","context":${payload(scenario.payloadBytes)}}`;
  return {
    start: () => {
      throw new Error(`${scenario.name}: over HTTP tasks are only submitted`);
    },
    async submit(count) {
      if (count === 1) await server.send("POST", "/v1/tasks", task);
      else await server.send("POST", "/v1/tasks/bulk", bulkBody(task, count));
    },
    onStep: null,
    commits: 0,
    usage: () => usageOfProcess(server.process.pid!),
    workerUsage: () => usageOf([]),
    async close() {
      await server.stop();
      await close();
    },
  };
}
