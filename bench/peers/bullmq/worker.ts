/** The worker: every job answers at once; the one that joins reads what its children gave. */
import { Worker } from "bullmq";
import { payload } from "../peer.ts";
import { announceReady, reportEnded } from "../worker-process.ts";

const [host = "", port = ""] = process.argv.slice(2);
const worker = new Worker(
  "bench",
  async (job) => {
    if (job.name === "join") await job.getChildrenValues();
    return payload;
  },
  { connection: { host, port: Number(port) }, concurrency: 200 },
);
worker.on("completed", ({ name }) => {
  if (name !== "step") reportEnded();
});
await worker.waitUntilReady();
announceReady();
