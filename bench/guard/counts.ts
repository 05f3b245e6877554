/**
 * What a step costs in things that can be counted: commits, messages, bytes written to the files, bytes allocated. The real
 * engine and the real embedded store, with an executor that answers everything at once: no sockets, no timing, so the
 * same work comes out the same on any machine, loaded or not.
 */
import { graphOf } from "../graph.ts";
import type { Scenario } from "../scenarios.ts";
import { bytesWritten } from "../usage.ts";
import { allocatedBy } from "./allocated.ts";
import { EngineLoop } from "./engine-loop.ts";
import { stepsPerRound, WireLoop } from "./wire-loop.ts";

export interface Counts {
  readonly commits_per_step: number;
  readonly messages_per_step: number;
  readonly file_bytes_per_step: number;
  readonly allocated_bytes_per_step: number;
}

export type WireCounts = Pick<Counts, "messages_per_step" | "allocated_bytes_per_step">;

/** @param scenario with a closed load: `tasks` of them, `concurrency` at once */
export async function countSteps(scenario: Scenario, tasks: number, concurrency: number): Promise<Counts> {
  const loop = await EngineLoop.open(scenario, concurrency);
  await loop.run(tasks / 4);

  const before = { commits: loop.commits, messages: loop.messages, bytes: bytesWritten()! };
  const allocated = await allocatedBy(() => loop.run(tasks));
  // The tables have caught up with the log when it is closed.
  await loop.close();
  const bytes = bytesWritten()! - before.bytes;
  const steps = tasks * graphOf(scenario.shape).length;
  return {
    commits_per_step: (loop.commits - before.commits) / steps,
    messages_per_step: (loop.messages - before.messages) / steps,
    file_bytes_per_step: bytes / steps,
    allocated_bytes_per_step: allocated / steps,
  };
}

/** What both ends of the wire send and allocate. */
export async function countOnWire(turns: number): Promise<WireCounts> {
  const wire = new WireLoop();
  const run = async () => {
    for (let i = 0; i < turns; i++) await wire.round();
  };
  await run();
  const before = wire.messages;
  const allocated = await allocatedBy(run);
  const steps = turns * stepsPerRound;
  return { messages_per_step: (wire.messages - before) / steps, allocated_bytes_per_step: allocated / steps };
}
