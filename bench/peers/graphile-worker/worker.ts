/** The worker: every job ends at once; a link of a chain adds the next one first. */
import { EventEmitter } from "node:events";
import { Logger, run, type Task } from "graphile-worker";
import { announceReady, reportEnded } from "../worker-process.ts";

interface Link {
  readonly left: number;
}

const chain: Task = async (payload, { addJob }) => {
  const { left } = payload as Link;
  if (left > 0) await addJob("chain", { ...(payload as Link), left: left - 1 });
};

const events = new EventEmitter();
events.on("job:complete", ({ job, error }: { job: { task_identifier: string; payload: Link }; error: unknown }) => {
  if (error) console.error(error);
  if (job.task_identifier === "single" || job.payload.left === 0) reportEnded();
});
await run({
  connectionString: process.argv[2]!,
  taskList: { single: async () => {}, chain },
  events: events as never,
  preset: {
    // Its own logger has a line for every job.
    worker: {
      logger: new Logger(() => (level, message) => (level === "error" ? console.error(message) : undefined)),
      concurrentJobs: 24,
      maxPoolSize: 26,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
});
announceReady();
