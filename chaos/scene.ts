/** What a case has at hand: worlds to do its fault to, and where to put down what it saw. */
import type { Need } from "./system-faults.ts";
import { World, type WorldOptions } from "./world.ts";

/** `short`: once, in CI. `long`: by hand, with longer faults and more kills. */
export type Scale = "short" | "long";

export interface Case {
  /** Of its row in the fault table. */
  readonly number: number;
  readonly needs?: readonly Need[];
  /** From what to what the recovery times are; absent: there is nothing to recover. */
  readonly recovery?: string;
  /** What is promised of the recovery time, on a machine that is as fast as ours. */
  readonly withinMs?: number;
  run(scene: Scene): Promise<void>;
}

export class Scene {
  readonly scale: Scale;
  readonly #seed: number;
  readonly worlds: World[] = [];
  readonly recoveriesMs: number[] = [];
  readonly counts: Record<string, number> = {};
  readonly broken: string[] = [];
  readonly #cleanUps: (() => unknown)[] = [];

  constructor(scale: Scale, seed: number) {
    this.scale = scale;
    this.#seed = seed;
  }

  get isLong(): boolean {
    return this.scale === "long";
  }

  /** A world that is brought to rest, audited and taken down after the case. */
  async open(options: Omit<WorldOptions, "seed"> = {}): Promise<World> {
    const world = await World.open({ ...options, seed: this.#seed + this.worlds.length });
    this.worlds.push(world);
    return world;
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  recovered(ms: number): void {
    this.recoveriesMs.push(ms);
  }

  /** A promise of the case's own, beside those that the auditor checks. */
  must(holds: boolean, promise: string): void {
    if (!holds) this.broken.push(promise);
  }

  /** Done after the worlds are gone, last first. */
  afterwards(cleanUp: () => unknown): void {
    this.#cleanUps.unshift(cleanUp);
  }

  async close(): Promise<void> {
    for (const world of this.worlds) await world.close();
    for (const cleanUp of this.#cleanUps) await cleanUp();
  }
}
