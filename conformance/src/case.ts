/** A case: what is done with a worker, what must follow, and which rules of the specification say so. */
import type { Message } from "./proxy/message.ts";
import type { Stage } from "./stage.ts";

export type Protocol = "1.0" | "2.0";

export interface Case {
  /** `topic/what`. */
  readonly name: string;
  /** Rules of protocol/spec.md (`R-n`) and protocol/conformance.md (`C-n`) that it checks. */
  readonly clauses: readonly string[];
  readonly protocols: readonly Protocol[];
  /** Handlers that not every worker offers; without them the case is not offered. */
  readonly needs?: readonly string[];
  /** The worker and the orchestrator are this case's alone. Else it leaves both as it found them. */
  readonly alone?: boolean;
  /** What `TASKER_CONCURRENCY` is, if not 4. Only with `alone`. */
  readonly concurrency?: number;
  /** Which codec the worker is to put first, if not JSON; one that has no other is not offered. Only with `alone`. */
  readonly codec?: "msgpack";
  /** The case itself starts the worker. Only with `alone`. */
  readonly startsWorker?: boolean;
  /** @throws CaseFailure when the worker does not do what it must */
  run(stage: Stage): Promise<void>;
}

/** The worker did something else than the specification says. */
export class CaseFailure extends Error {
  readonly expected: string;
  readonly got: string;
  /** The frame in which it was seen, if it was one. */
  readonly frame: string | null;

  constructor(expected: string, got: string, frame: Message | null | undefined = null) {
    super(`expected ${expected}; got ${got}`);
    this.name = "CaseFailure";
    this.expected = expected;
    this.got = got;
    this.frame = frame?.describe() ?? null;
  }
}

/** It cannot be checked with this worker, which does not have what it needs. */
export class NotOffered extends Error {}

/** @throws CaseFailure unless `condition` */
export function demand(
  condition: boolean,
  expected: string,
  got: string,
  frame: Message | null | undefined = null,
): void {
  if (!condition) throw new CaseFailure(expected, got, frame);
}
