/** The worker of the bare pipeline: answers every step of a batch at once. */
import { Publisher, Subscriber } from "zeromq";
import { payload } from "../scenarios.ts";
import { answerUsage } from "../usage.ts";

const [folder = "", bytes = "0"] = process.argv.slice(2);
const results = new Publisher({ linger: 0, sendTimeout: 0, sendHighWaterMark: 0 });
results.connect(`ipc://${folder}/results`);
const steps = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
steps.connect(`ipc://${folder}/steps`);
steps.subscribe("@w1 ");
answerUsage();

const output = JSON.parse(payload(Number(bytes))) as unknown;
for await (const [frame] of steps) {
  const batch = JSON.parse(frame!.toString("utf8", "@w1 ".length)) as {
    batch_id: string;
    steps: { step_id: number }[];
  };
  const items = batch.steps.map(({ step_id }) => ({ step_id, status: "completed", output }));
  void results.send(`results ${JSON.stringify({ batch_id: batch.batch_id, results: items })}`);
}
