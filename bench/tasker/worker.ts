/** A worker that answers every step at once. */
import { Worker } from "@tasker/worker";
import { payload } from "../scenarios.ts";

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
process.on("disconnect", () => process.exit(0));

const output = JSON.parse(payload(Number(process.env.PAYLOAD_BYTES))) as unknown;
const worker = new Worker();
worker.handle("noop", () => output);
await worker.run();
