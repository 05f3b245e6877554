/**
 * A worker as a real process, to be killed: subscribes to the topics that it is given and prints each frame as a line
 * of JSON. With `--answer` it answers every step, as a plain 1.0 worker written from the seed does.
 *
 * node peer-process.ts STEPS_ENDPOINT RESULTS_ENDPOINT [--answer] TOPIC...
 */
import { Publisher, Subscriber } from "zeromq";

const [steps, results, ...rest] = process.argv.slice(2);
const topics = rest.filter((argument) => argument !== "--answer");
const answers = rest.includes("--answer");

const publisher = new Publisher({ linger: 0, sendTimeout: 0 });
publisher.connect(results!);
const subscriber = new Subscriber({ linger: 0 });
subscriber.connect(steps!);
subscriber.subscribe(...topics);
process.stdin.on("end", () => process.exit()).resume();

for await (const [frame] of subscriber) {
  const text = frame!.toString();
  process.stdout.write(`${JSON.stringify(text)}\n`);
  if (answers) publisher.send(`results ${JSON.stringify(answer(JSON.parse(text.slice(text.indexOf(" ") + 1))))}`);
}

function answer(batch: { batch_id: string; steps: { step_id: number }[] }): object {
  return {
    batch_id: batch.batch_id,
    protocol_version: "1.0",
    results: batch.steps.map(({ step_id }) => ({
      step_id,
      status: "completed",
      output: { worker: process.pid },
      error: null,
    })),
  };
}
