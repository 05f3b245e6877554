/**
 * The real store with everything that can go wrong around it: answers take time, commits are refused, and the process
 * dies before a commit is written, or after it and before anybody hears of it. Enters every commit in the ledger.
 */
import { type PayloadRequest, type Store, StoreError, type StoreFailure, type TurnRecord } from "@tasker/engine";
import type { SeededRandom } from "@tasker/testkit";
import type { Kernel, Process } from "./kernel.ts";
import type { Trace } from "./trace.ts";

/** What goes wrong, asked at each call. */
export interface StoreFaults {
  /** The commit is refused with this; null: it is not. */
  commitFails(): StoreFailure | null;
  /** The process dies at this call: before the work is done, or after it. */
  dies(): "before" | "after" | null;
}

export interface FaultyStorePorts {
  readonly store: Store;
  readonly kernel: Kernel;
  readonly process: Process;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly faults: StoreFaults;
  readonly longestDelayMs: number;
  committed(record: TurnRecord): void;
  /** The real store refused what the engine wrote, and nobody had told it to. */
  refused(error: Error): void;
}

export class FaultyStore implements Store {
  readonly #ports: FaultyStorePorts;

  constructor(ports: FaultyStorePorts) {
    this.#ports = ports;
  }

  sequences() {
    return this.#call("sequences", (store) => store.sequences());
  }

  templates() {
    return this.#call("templates", (store) => store.templates());
  }

  activeTasks(after: number, limit: number) {
    return this.#call("activeTasks", (store) => store.activeTasks(after, limit));
  }

  tasksByIdempotencyKey(keys: readonly string[]) {
    return this.#call("tasksByIdempotencyKey", (store) => store.tasksByIdempotencyKey(keys));
  }

  leases(stepIds: readonly number[]) {
    return this.#call("leases", (store) => store.leases(stepIds));
  }

  payloads(request: PayloadRequest) {
    return this.#call("payloads", (store) => store.payloads(request));
  }

  publish() {
    return this.#call("publish", (store) => store.publish());
  }

  commit(record: TurnRecord): Promise<void> {
    return this.#call("commit", (store) => this.#commit(store, record));
  }

  close(): void {}

  async #commit(store: Store, record: TurnRecord): Promise<void> {
    const { faults, committed, refused } = this.#ports;
    const failure = faults.commitFails();
    if (failure !== null && failure !== "io") throw new StoreError(failure, `simulated: ${failure}`);
    try {
      await store.commit(record);
    } catch (error) {
      refused(error as Error);
      throw error;
    }
    committed(record);
    // Written, and the answer was an error all the same: the case for which `io` means that nobody knows.
    if (failure === "io") throw new StoreError("io", "simulated: fsync failed");
  }

  async #call<T>(name: string, work: (store: Store) => T | Promise<T>): Promise<T> {
    const { store, process, trace, kernel, faults } = this.#ports;
    await this.#pause();
    const death = faults.dies();
    if (death === "before") this.#die(`before ${name}`);
    if (!process.alive) return never();
    try {
      const answer = await work(store);
      if (death === "after") this.#die(`after ${name}`);
      if (name === "commit") trace.add(kernel.now, process.name, "committed");
      await this.#pause();
      return process.alive ? answer : never();
    } catch (error) {
      trace.add(kernel.now, process.name, `${name} fails: ${(error as Error).message}`);
      await this.#pause();
      if (!process.alive) return never();
      throw error;
    }
  }

  #die(when: string): void {
    const { process, trace, kernel } = this.#ports;
    trace.add(kernel.now, process.name, `dies ${when}`);
    process.kill();
  }

  #pause(): Promise<void> | undefined {
    const { longestDelayMs, kernel, process, random } = this.#ports;
    if (longestDelayMs === 0) return undefined;
    return new Promise((resolve) => kernel.after(random.uniform() ** 2 * longestDelayMs, process, resolve));
  }
}

/** What a dead process waits for. */
function never<T>(): Promise<T> {
  return new Promise(() => {});
}
