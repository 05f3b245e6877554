/** Reads in a thread while another one writes turns of two tasks each: says when it has begun, and at the end what was torn. */
import { parentPort, workerData } from "node:worker_threads";
import { openQueries } from "../open-queries.ts";

const queries = openQueries({ database: workerData.database });
const torn: string[] = [];
let last = 0;
while (last < workerData.tasks) {
  const { in_progress: tasks } = await queries.counts();
  const events = await queries.eventsAfter(0, 10_000);
  if (last === 0) parentPort!.postMessage("begun");
  if (tasks % 2 !== 0) torn.push(`${tasks} tasks: half a turn`);
  if (tasks < last) torn.push(`${tasks} tasks after ${last}`);
  if (events.length < tasks || events.length % 2 !== 0) torn.push(`${events.length} events for ${tasks} tasks`);
  last = tasks;
}
await queries.close();
parentPort!.postMessage(torn);
