/**
 * CPU time a step as a multiple of the bare pipeline's, both in this process, in turns, without sockets and threads and with as
 * many steps in a commit: nothing waits, so it depends neither on other load nor on how fast the disk is.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answer } from "../bare/answer.ts";
import { BarePipeline, openBareDatabase } from "../bare/pipeline.ts";
import { run } from "../load.ts";
import { payload, type Scenario } from "../scenarios.ts";
import { EngineLoop } from "./engine-loop.ts";
import { bareRound, WireLoop } from "./wire-loop.ts";

/** Engine and store beside the bare pipeline's rounds. */
export async function engineCpuRatio(
  scenario: Scenario,
  tasks: number,
  concurrency: number,
  turns: number,
): Promise<number> {
  const load = { kind: "closed", tasks, concurrency } as const;
  const engine = await EngineLoop.open(scenario, concurrency);
  const folder = mkdtempSync(join(tmpdir(), "tasker-guard-"));
  const output = JSON.parse(payload(scenario.payloadBytes)) as unknown;
  const bare = new BarePipeline(
    scenario,
    openBareDatabase(folder),
    (frame) => {
      const results = Buffer.from(answer(Buffer.from(frame), output));
      setImmediate(() => bare.take(results));
    },
    [],
    () => {},
  );
  const ratio = await cpuRatio(
    turns,
    () => engine.run(tasks),
    () => run(bare, { ...scenario, load }),
  );
  await engine.close();
  await bare.close();
  rmSync(folder, { recursive: true });
  return ratio;
}

/** Codec, session and runner beside the bare pipeline's messages. */
export function wireCpuRatio(turns: number): Promise<number> {
  const wire = new WireLoop();
  return cpuRatio(
    turns,
    () => wire.round(),
    async () => bareRound(),
  );
}

/**
 * The two in turns of some milliseconds each: a machine that is slow for a while is slow for both. The first part is not
 * counted: in it code is compiled.
 */
async function cpuRatio(turns: number, tasker: () => Promise<unknown>, bare: () => Promise<unknown>): Promise<number> {
  const warmUp = turns / 4;
  let [own, other] = [0, 0];
  for (let turn = 0; turn < warmUp + turns; turn++) {
    const costs = [await cpuOf(tasker), await cpuOf(bare)] as const;
    if (turn < warmUp) continue;
    own += costs[0];
    other += costs[1];
  }
  return own / other;
}

/**
 * Microseconds of all threads: collecting garbage counts. In user mode only: what the kernel does for a write depends on the
 * file system, and bytes are counted by themselves.
 */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  return process.cpuUsage(before).user;
}
