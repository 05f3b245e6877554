/** What the main thread, where handlers run, and the session thread tell each other. Steps and outcomes go in lists. */

import type { PackedList } from "@tasker/json";
import type { LogFields, LogLevel } from "../log.ts";
import type { WorkerTerms } from "./ports.ts";
import type { Endpoints } from "./sockets.ts";

/** What the session thread is started with. */
export interface ThreadSetup {
  readonly terms: WorkerTerms;
  /** One session for each orchestrator. */
  readonly orchestrators: readonly Endpoints[];
  readonly logLevel: LogLevel;
  /** One Int32, set to 1 and notified once all sockets are closed. */
  readonly socketsClosed: SharedArrayBuffer;
  /** See `occupancy.ts`. */
  readonly occupancy: SharedArrayBuffer;
}

export type ToSession =
  | { readonly type: "finished"; readonly outcomes: PackedList }
  | { readonly type: "progress"; readonly origin: number; readonly leaseId: string; readonly progress: string }
  | {
      readonly type: "checkpoint";
      readonly origin: number;
      readonly leaseId: string;
      readonly seq: number;
      readonly cursor: string;
    }
  | { readonly type: "overdue"; readonly count: number }
  | { readonly type: "drain" }
  | { readonly type: "give_back"; readonly origin: number; readonly leaseIds: readonly string[] }
  | { readonly type: "leave"; readonly flushMs: number }
  /** The process ends now: close the sockets, nothing else. */
  | { readonly type: "close" };

export type ToWorker =
  | { readonly type: "run"; readonly steps: PackedList }
  | { readonly type: "cancel"; readonly leaseIds: readonly string[]; readonly reason: string }
  | {
      readonly type: "checkpoint_settled";
      readonly leaseId: string;
      readonly seq: number;
      readonly refused: string | null;
    }
  | { readonly type: "drain_requested"; readonly reason: string }
  | { readonly type: "refused"; readonly reason: string; readonly detail: string }
  /** Everything that was not rejected has been handed over. */
  | { readonly type: "drained" }
  | { readonly type: "closed" }
  | {
      readonly type: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly event: string;
      readonly fields: LogFields | undefined;
    };
