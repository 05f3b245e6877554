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
/** Who waits for a job finds it for a while after its end. */
const opts = { removeOnComplete: { count: 1_000 } };

async function open({ folder }: PeerPlace, appendfsync: "everysec" | "always"): Promise<Peer> {
  const redis = await startRedis(folder, appendfsync);
  const { hostname: host, port } = new URL(redis.url);
  const connection = { host, port: Number(port) };
  const worker = await WorkerProcess.start(join(import.meta.dirname, "worker.ts"), [host, port]);
  const queue = new Queue(queueName, { connection });
  const flows = new FlowProducer({ connection });
  const events = new QueueEvents(queueName, { connection });
  await events.waitUntilReady();
  const chain = chainOf(10);
  return {
    shapes: ["single", "chain", "fan-out"],
    latencyTasks: 200,
    async run(shape, tasks) {
      const ended = worker.ended(tasks);
      if (shape === "single") {
        const job = { name: "root", data: payload, opts };
        for (const count of parts(tasks, 1_000)) await queue.addBulk(new Array(count).fill(job));
      } else {
        const flow = shape === "chain" ? chain : fanOut;
        for (const count of parts(tasks, 100)) await flows.addBulk(new Array<FlowJob>(count).fill(flow));
      }
      await ended;
    },
    async runChain() {
      const { job } = await flows.add(chain);
      await job.waitUntilFinished(events);
    },
    async close() {
      await Promise.all([queue.close(), flows.close(), events.close()]);
      await worker.stop();
      await redis.stop();
    },
  };
}

function step(name: string, children: FlowJob[]): FlowJob {
  return { name, queueName, data: payload, opts, children };
}

/** A job runs after its children: the first step is the innermost. */
function chainOf(steps: number): FlowJob {
  let job = step("step", []);
  for (let i = 2; i <= steps; i++) job = step(i === steps ? "root" : "step", [job]);
  return job;
}

const fanOut = step(
  "join",
  Array.from({ length: 10 }, () => step("step", [])),
);
