/** The worker: activities that answer at once. */
import { fileURLToPath } from "node:url";
import { NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { announceReady } from "../worker-process.ts";
import * as activities from "./activities.ts";
import { namespace, taskQueue } from "./server-config.ts";

Runtime.install({ telemetryOptions: { logging: { forward: {}, filter: "ERROR" } }, logger: silent() });
const connection = await NativeConnection.connect({ address: process.argv[2]! });
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue,
  workflowsPath: fileURLToPath(new URL("./workflows.ts", import.meta.url)),
  activities,
  maxConcurrentActivityTaskExecutions: 200,
  maxConcurrentWorkflowTaskExecutions: 100,
});
announceReady();
await worker.run();

function silent() {
  const nothing = () => {};
  const error = (message: string, meta?: object) => console.error(message, meta);
  return { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error };
}
