/** Starts threads written in TypeScript, one after the other; by `startThread` when the argument says so. */
import { once } from "node:events";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { startThread } from "../start-thread.ts";

const plainly = (module: URL, options: WorkerOptions) => new Worker(module, options);
const start = process.argv[2] === "startThread" ? startThread : plainly;
for (let count = 0; count < 4; count++) {
  await once(start(new URL("./thread.ts", import.meta.url), {}), "exit");
}
