/** A worker that replays workflows imported from WfFormat. `REPLAY_FACTOR` scales the recorded runtimes; 0.001 by default. */
import { Worker } from "@tasker/worker";
import { replayAt } from "./replay.ts";

const worker = new Worker();
worker.handle("wfformat.replay", replayAt(Number(process.env.REPLAY_FACTOR || "0.001")));
await worker.run();
