/** The worker: two queues, one of which holds the last job of each task. */
import { PgBoss } from "pg-boss";
import { payload } from "../peer.ts";
import { announceReady, reportEnded } from "../worker-process.ts";

const boss = new PgBoss({ connectionString: process.argv[2]!, useListenNotify: true, flowIntervalSeconds: 1 });
boss.on("error", (error) => console.error(error.message));
await boss.start();
const options = {
  batchSize: 500,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
};
for (const name of ["step", "root"]) {
  await boss.createQueue(name, { notify: true });
  await boss.work(name, options, async (jobs) => {
    if (name === "root") reportEnded(jobs.length);
    return payload;
  });
}
announceReady();
