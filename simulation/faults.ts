/** Makes things go wrong, at random times until the calm, and answers those who ask whether something goes wrong now. */
import type { StoreFailure } from "@tasker/engine";
import type { StoreFaults } from "./faulty-store.ts";
import type { Kernel, Process } from "./kernel.ts";
import type { Network } from "./network.ts";
import type { Orchestrator } from "./orchestrator.ts";
import { between, chance, pick, stream } from "./random.ts";
import type { FaultName, Scenario } from "./scenario.ts";
import type { Trace } from "./trace.ts";
import type { Worker } from "./worker.ts";

export interface FaultsPorts {
  readonly scenario: Scenario;
  readonly kernel: Kernel;
  readonly network: Network;
  readonly trace: Trace;
}

export class Faults implements StoreFaults {
  readonly #ports: FaultsPorts;
  readonly #random;
  #diskFullUntil = 0;
  #calm = false;

  constructor(ports: FaultsPorts) {
    this.#ports = ports;
    this.#random = stream(ports.scenario.seed, "faults in time");
  }

  plan(orchestrator: Orchestrator, workers: readonly Worker[]): void {
    const { network, kernel } = this.#ports;
    const random = this.#random;
    const worker = () => pick(random, workers);
    this.#several("orchestrator_crashes", 4, () => orchestrator.kill());
    this.#several("orchestrator_restarts", 2, () => orchestrator.restart());
    this.#several("orchestrator_freezes", 2, () => orchestrator.freeze(pick(random, [300, 3_000, 20_000])));
    this.#several("worker_crashes", 4, () => worker().kill());
    this.#several("worker_restarts", 3, () => worker().leave());
    this.#several("worker_freezes", 3, () => worker().freeze(this.#outageMs()));
    this.#several("partitions", 3, () =>
      network.cut({
        worker: worker().plan.name,
        direction: pick(random, ["up", "down", "both"] as const),
        frames: pick(random, ["lost", "held"] as const),
        until: kernel.now + pick(random, [500, 5_000, 15_000]),
      }),
    );
    this.#several("breaks", 4, () =>
      network.breakConnection(worker().plan.name, pick(random, ["both", "worker", "host"] as const)),
    );
    this.#several("full_disk", 2, () => {
      this.#diskFullUntil = kernel.now + between(random, 10, 4_000);
    });
    this.#several("wall_clock_jumps", 3, () => {
      orchestrator.wallOffsetMs += pick(random, [-86_400_000, -1_000, 1_000, 86_400_000]);
    });
  }

  /** Everything works from now on. */
  end(): void {
    this.#calm = true;
    this.#diskFullUntil = 0;
  }

  commitFails(): StoreFailure | null {
    if (this.#calm) return null;
    if (this.#ports.kernel.now < this.#diskFullUntil) return "full";
    if (this.#has("failing_commits") && chance(this.#random, 0.05)) return pick(this.#random, ["busy", "conflict"]);
    return this.#has("io_errors") && chance(this.#random, 0.01) ? "io" : null;
  }

  dies(): "before" | "after" | null {
    if (this.#calm || !this.#has("crashes_at_store_calls") || !chance(this.#random, 0.02)) return null;
    return pick(this.#random, ["before", "after"]);
  }

  beforeSend(process: Process): void {
    if (this.#calm || !process.alive || !this.#has("crashes_at_sends") || !chance(this.#random, 0.01)) return;
    this.#ports.trace.add(this.#ports.kernel.now, process.name, "dies before it sends");
    process.kill();
  }

  /** Around the bounds of silence, grace and timeouts it matters how long one lasts. */
  #outageMs(): number {
    const random = this.#random;
    return pick(random, [between(random, 300, 4_000), between(random, 5_000, 6_500), 12_000]);
  }

  #several(fault: FaultName, most: number, happen: () => void): void {
    const { kernel, scenario } = this.#ports;
    if (!this.#has(fault)) return;
    for (let i = between(this.#random, 1, most); i > 0; i--)
      kernel.after(this.#random.uniform() * scenario.chaosMs, null, () => !this.#calm && happen());
  }

  #has(fault: FaultName): boolean {
    return this.#ports.scenario.faults.has(fault);
  }
}
