/** BullMQ: jobs and flows on Redis, added in bulk; one worker process. https://docs.bullmq.io/guide/flows */
import { join } from "node:path";
import { type FlowJob, FlowProducer, Queue, QueueEvents } from "bullmq";
import { startRedis } from "../../services/redis.ts";
import { type Peer, type PeerKind, type PeerPlace, parts, payload } from "../peer.ts";
import { WorkerProcess } from "../worker-process.ts";

export const bullmq: PeerKind = {
  name: "BullMQ",
  durability: "Redis, AOF everysec: may lose the last second",
  durable: false,
  open: (place) => open(place, "everysec"),
};

export const bullmqAlways: PeerKind = {
  name: "BullMQ, always",
  durability: "Redis, AOF always: fsynced before it answers",
  durable: true,
  open: (place) => open(place, "always"),
};

const queueName = "bench";
/** Whether a job can be found for a while after its end; who waits for one needs that. */
type Keep = true | { readonly count: number };

async function open({ folder }: PeerPlace, appendfsync: "everysec" | "always"): Promise<Peer> {
  const redis = await startRedis(folder, appendfsync);
  const { hostname: host, port } = new URL(redis.url);
  const connection = { host, port: Number(port) };
  const worker = await WorkerProcess.start(join(import.meta.dirname, "worker.ts"), [host, port]);
  const queue = new Queue(queueName, { connection });
  const flows = new FlowProducer({ connection });
  const flowOf = { chain: chainOf(10, true), "fan-out": fanOut(true) };
  const awaited = chainOf(10, { count: 1_000 });
  let events: QueueEvents | null = null;
  return {
    shapes: ["single", "chain", "fan-out"],
    latencyTasks: 200,
    async run(shape, tasks) {
      const ended = worker.ended(tasks);
      if (shape === "single") {
        const job = { name: "root", data: payload, opts: { removeOnComplete: true } };
        for (const count of parts(tasks, 1_000)) await queue.addBulk(new Array(count).fill(job));
      } else {
        for (const count of parts(tasks, 100)) await flows.addBulk(new Array<FlowJob>(count).fill(flowOf[shape]));
      }
      await ended;
    },
    async runChain() {
      events ??= new QueueEvents(queueName, { connection });
      await events.waitUntilReady();
      const { job } = await flows.add(awaited);
      await job.waitUntilFinished(events);
    },
    async close() {
      await Promise.all([queue.close(), flows.close(), events?.close()]);
      await worker.stop();
      await redis.stop();
    },
  };
}

function step(name: string, children: FlowJob[], removeOnComplete: Keep): FlowJob {
  return { name, queueName, data: payload, opts: { removeOnComplete }, children };
}

/** A job runs after its children: the first step is the innermost. */
function chainOf(steps: number, keep: Keep): FlowJob {
  let job = step("step", [], keep);
  for (let i = 2; i <= steps; i++) job = step(i === steps ? "root" : "step", [job], keep);
  return job;
}

function fanOut(keep: Keep): FlowJob {
  return step(
    "join",
    Array.from({ length: 10 }, () => step("step", [], keep)),
    keep,
  );
}
