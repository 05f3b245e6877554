/** What a system under test offers to the load, and how it is opened. */
import type { Scenario } from "./scenarios.ts";
import type { Usage } from "./usage.ts";

export interface System {
  /** Begins `count` tasks; `ended` is called for each when its last result is durable. */
  start(count: number, ended: () => void): void;
  /** Resolves when `count` more tasks are durable; they are not run. */
  submit(count: number): Promise<void>;
  /** Called for every step's result that is durable, while somebody listens. */
  onStep: (() => void) | null;
  /** Transactions so far. */
  readonly commits: number;
  /** Of the side that decides and stores. */
  usage(): Usage;
  workerUsage(): Promise<Usage>;
  close(): Promise<void>;
}

export interface Place {
  /** An empty folder for files and sockets. */
  readonly folder: string;
  /** Which store Tasker uses, by the name of `stores.ts`. */
  readonly store: string;
}

export type OpenSystem = (scenario: Scenario, place: Place) => Promise<System>;
