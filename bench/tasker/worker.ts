/** A worker whose handler answers at once, or after `HANDLER_MS`. */
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "@tasker/worker";
import { payload } from "../scenarios.ts";
import { answerUsage } from "../usage.ts";

const output = JSON.parse(payload(Number(process.env.PAYLOAD_BYTES))) as unknown;
const handlerMs = Number(process.env.HANDLER_MS);
const worker = new Worker();
worker.handle("noop", handlerMs === 0 ? () => output : () => wait(handlerMs, output));
answerUsage();
await worker.run();
