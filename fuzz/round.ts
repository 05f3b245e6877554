/**
 * One round: a few hundred frames against one of the targets, all decided by a seed. The same seed gives the same frames, to
 * the last byte, for as long as the code is the same.
 */
import { SeededRandom } from "@tasker/testkit";
import { OrchestratorTarget } from "./against-orchestrator.ts";
import { WorkerTarget } from "./against-worker.ts";
import { judgeFrame, type Verdicts } from "./decoders.ts";
import { Frames } from "./frames.ts";
import { between, chance } from "./random.ts";
import { Violation } from "./violation.ts";
import { Vocabulary } from "./vocabulary.ts";

export interface RoundOptions {
  /** Receives each frame before it is judged. */
  readonly print?: (frame: Buffer, index: number) => void;
}

interface Target {
  /** @returns the frame that came in */
  step(): Buffer;
  end(): void;
}

/** What broke in a round. */
export class RoundFailure extends Error {
  readonly seed: number;
  /** How many frames had come before. */
  readonly frames: number;

  constructor(seed: number, frames: number, cause: Error) {
    const kind = cause instanceof Violation ? cause.message : (cause.stack ?? cause.message);
    super(`seed ${seed}, frame ${frames}: ${kind}\nagain, frame by frame: make fuzz SEED=${seed}`, { cause });
    this.seed = seed;
    this.frames = frames;
  }
}

/** @returns how many frames it had @throws RoundFailure */
export function runRound(seed: number, verdicts: Verdicts, { print }: RoundOptions = {}): number {
  const random = new SeededRandom(Math.imul(seed, 0x9e3779b1) ^ (seed >>> 7));
  const words = new Vocabulary(random);
  const frames = new Frames(random, words);
  const total = between(random, 100, 400);
  let count = 0;
  try {
    const target: Target = chance(random, 0.55)
      ? new OrchestratorTarget(random, words, frames)
      : new WorkerTarget(random, words, frames);
    for (; count < total; count++) {
      const frame = target.step();
      print?.(frame, count);
      judgeFrame(frame, verdicts);
    }
    target.end();
  } catch (error) {
    throw new RoundFailure(seed, count, error as Error);
  }
  return total;
}
