/** A worker whose handler answers at once, or after `HANDLER_MS`. */
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "@tasker/worker";

const ms = Number(process.env.HANDLER_MS);
const output = { order_id: 12345, note: "x".repeat(70) };
const worker = new Worker();
worker.handle("noop", ms === 0 ? () => output : () => wait(ms, output));
await worker.run();
