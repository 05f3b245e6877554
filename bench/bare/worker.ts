/** The worker of the bare pipeline: answers every step of a batch at once. */
import { Publisher, Subscriber } from "zeromq";
import { payload } from "../scenarios.ts";
import { answerUsage } from "../usage.ts";
import { answer, stepsTopic } from "./answer.ts";

const [folder, bytes = "0"] = process.argv.slice(2);
const results = new Publisher({ linger: 0, sendTimeout: 0, sendHighWaterMark: 0 });
results.connect(`ipc://${folder}/results`);
const steps = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
steps.connect(`ipc://${folder}/steps`);
steps.subscribe(stepsTopic);
answerUsage();

const output = JSON.parse(payload(Number(bytes))) as unknown;
for await (const [frame] of steps) void results.send(answer(frame!, output));
