/** Starts an executor, fills the queue of a worker that does not read, stops, and ends only when nothing holds it. */

import { Subscriber } from "zeromq";
import { startZeromqExecutor } from "../../index.ts";
import { defaultZeromqConfig } from "../config.ts";
import { realClock, realRandom, silentLog } from "./peers.ts";
import { buildBatch, RecordedEvents } from "./recorded-roster.ts";

const events = new RecordedEvents();
const executor = await startZeromqExecutor(
  { ...defaultZeromqConfig, steps: ["tcp://127.0.0.1:*"], results: ["tcp://127.0.0.1:*"] },
  events,
  { clock: realClock, log: silentLog, random: realRandom, orchestratorId: "o1" },
);
const stalled = new Subscriber({ linger: 0, receiveHighWaterMark: 1 });
stalled.connect(executor.endpoints.steps[0]!);
const joined = new Promise<string>((resolve) => {
  events.listener = (event) => event.event === "joined" && resolve(event.key);
});
stalled.subscribe("steps");
const slot = await joined;
for (let n = 0; n < 2_000; n++) executor.dispatch(slot, buildBatch(`${slot}_${n}`, 50));
executor.stop({ drainMs: 100 });
