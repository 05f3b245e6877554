/** The shapes as workflows. Bundled by the worker, so it imports nothing else. */
import { proxyActivities } from "@temporalio/workflow";
import type * as activities from "./activities.ts";

type Payload = Awaited<ReturnType<typeof activities.step>>;

const { step } = proxyActivities<typeof activities>({ startToCloseTimeout: "1 minute" });

export async function single(_input: Payload): Promise<Payload> {
  return step();
}

export async function chain(input: Payload): Promise<Payload> {
  let last = input;
  for (let i = 1; i <= 10; i++) last = await step();
  return last;
}

export async function fanOut(_input: Payload): Promise<Payload> {
  await Promise.all(Array.from({ length: 10 }, () => step()));
  return step();
}
