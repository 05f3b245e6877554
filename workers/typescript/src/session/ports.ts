/** What a session needs from outside, and nothing else: sockets, time, randomness, somebody who runs steps, a log. */
import type { Codec, Frame } from "@tasker/protocol";
import type { Outcome } from "../handler/outcome.ts";
import type { StepRequest } from "../handler/step.ts";
import type { Logger } from "../log.ts";

/** What a worker says about itself in its hello. */
export interface WorkerTerms {
  readonly workerId: string;
  readonly pool: string;
  /** Version of the handlers, for people. */
  readonly version: string;
  readonly handlers: readonly string[];
  /** Steps that it runs at once. */
  readonly capacity: number;
  /** What it would rather speak; JSON is always understood. */
  readonly codec: Codec;
}

/** One pair of sockets. Never throws, never waits; what cannot be sent is lost, and the protocol makes up for it. */
export interface SessionWire {
  /** Opens new sockets, subscribed to this session's topic; the ones before are closed at once. */
  open(session: string): void;
  send(frame: Frame): void;
  /** @param lingerMs how long what was sent may still take to leave this process */
  close(lingerMs: number): void;
}

export interface SessionClock {
  /** Milliseconds that never jump. */
  monotonicMs(): number;
}

export interface SessionRandom {
  /** 0 <= x < 1. */
  uniform(): number;
  /** At least 8 hexadecimal digits, lower case. */
  token(): string;
}

export interface SessionEvents {
  /** Run these. Every one of them is answered with an outcome, or given back. */
  run(steps: readonly StepRequest[]): void;
  cancel(leaseIds: readonly string[], reason: string): void;
  /** The cursors of this lease up to `seq` are kept (`refused` null), or will not be. */
  checkpointSettled(leaseId: string, seq: number, refused: string | null): void;
  /** The orchestrator wants the worker to end what it has, and leave. */
  drainRequested(reason: string): void;
  /** Final: this worker must not come again as it is. */
  refused(reason: string, detail: string): void;
  /** After `leave`: the sockets are closed. */
  closed(): void;
}

export interface SessionPorts {
  readonly wire: SessionWire;
  readonly clock: SessionClock;
  readonly random: SessionRandom;
  readonly events: SessionEvents;
  readonly log: Logger;
}

export type { Outcome, StepRequest };
