/** What each system under comparison offers. Each is written as its own users would write it, in its fast configuration. */

/** One step; ten steps, one after the other; ten steps at once and one that joins them. */
export type Shape = "single" | "chain" | "fan-out";

export const stepsOf: Record<Shape, number> = { single: 1, chain: 10, "fan-out": 11 };

export interface Peer {
  readonly shapes: readonly Shape[];
  /** Tasks of ten steps, run one at a time, that tell its latency. */
  readonly latencyTasks: number;
  /** Submits that many tasks of the shape and resolves when all have ended. As fast as it can. */
  run(shape: Shape, tasks: number): Promise<void>;
  /** One chain, from its submission until its end is known. */
  runChain(): Promise<void>;
  close(): Promise<void>;
}

export interface PeerPlace {
  /** An empty folder. */
  readonly folder: string;
}

export interface PeerKind {
  readonly name: string;
  readonly durability: string;
  /** Nothing that was answered is lost with the power: each answer comes after its fsync. */
  readonly durable: boolean;
  open(place: PeerPlace): Promise<Peer>;
}

/** As `services/postgres.ts` starts it. */
export const postgresDurability = "PostgreSQL, fsync and synchronous_commit on";

/** About a hundred bytes of JSON, the context of a task and the output of a step. */
export const payload = { order_id: 12345, note: "x".repeat(71) };

/** Runs `start` for each of `count`, `atOnce` at a time. */
export async function runMany(count: number, atOnce: number, start: () => Promise<unknown>): Promise<void> {
  let left = count;
  const runner = async () => {
    while (left-- > 0) await start();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, runner));
}

/** `count` cut into parts of at most `size`. */
export function parts(count: number, size: number): number[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => Math.min(size, count - i * size));
}
