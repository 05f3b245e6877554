/** One peer, all its shapes, in a process of its own. Told by its parent which; tells it what it measured. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Percentiles, percentiles } from "../measurement.ts";
import { type Peer, type PeerKind, type Shape, stepsOf } from "./peer.ts";
import { peers } from "./peers.ts";

export interface PeerFigures {
  readonly stepsPerSecond: Partial<Record<Shape, number>>;
  /** Of a chain of ten steps at low load; null when it was not asked for. */
  readonly chainMs: Percentiles;
}

/** How long each shape is measured, about. */
const seconds = 3;

process.on("disconnect", () => process.exit(1));
process.once("message", async (name: string) => {
  const folder = mkdtempSync(join(tmpdir(), "tasker-peer-"));
  try {
    const figures = await measure(peers.find((peer) => peer.name === name)!, folder);
    process.send!(figures, () => process.exit(0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function measure(kind: PeerKind, folder: string): Promise<PeerFigures> {
  const peer = await kind.open({ folder });
  const stepsPerSecond: Partial<Record<Shape, number>> = {};
  for (const shape of peer.shapes) stepsPerSecond[shape] = (await throughput(peer, shape)) * stepsOf[shape];
  const chainMs: number[] = [];
  for (let task = 0; task < peer.latencyTasks; task++) {
    const began = performance.now();
    await peer.runChain();
    chainMs.push(performance.now() - began);
  }
  await peer.close();
  return { stepsPerSecond, chainMs: percentiles(chainMs) };
}

/** Tasks per second of a run that took long enough; the runs before it are the warm-up. */
async function throughput(peer: Peer, shape: Shape): Promise<number> {
  await peer.run(shape, 100);
  for (let tasks = 200; ; ) {
    const began = performance.now();
    await peer.run(shape, tasks);
    const taken = (performance.now() - began) / 1000;
    if (taken >= seconds / 2) return tasks / taken;
    tasks = Math.ceil(tasks * Math.min(10, seconds / taken));
  }
}
