/** A worker in a process of its own, for tests of what happens to processes. Each handler is named for what it does. */
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "../index.ts";

const worker = new Worker({ drainMs: Number(process.env.DRAIN_MS ?? 10_000) });
worker.handle("echo", (step) => step.context);
worker.handle("waits", async (step) => {
  await wait(step.context.ms);
  return { waited: step.context.ms };
});
worker.handle("blocks", (step) => {
  const end = performance.now() + step.context.ms;
  while (performance.now() < end);
  return { blocked: step.context.ms };
});
worker.handle("never_ends", () => new Promise(() => {}));
worker.handle("throws_outside", () => {
  setImmediate(() => {
    throw new Error("nobody catches this");
  });
  return new Promise(() => {});
});
worker.handle("exits", () => process.exit(7));
await worker.run();
