/** Wrong about steps: timeouts, cancellation, drain. */
import { failure, type Held, RawWorker, type Result } from "../raw-worker.ts";
import type { Wrong } from "../wrong.ts";

export const wrongSteps: readonly Wrong[] = [
  {
    name: "has-no-timeouts",
    wrongness: "waits for its handlers however long they take",
    breaks: "R-57",
    fails: ["timeouts/reported-then-the-late-answer", "timeouts/of-a-handler-that-computes"],
    passes: ["failures/permanent"],
    Worker: class extends RawWorker {
      override onTimeout(): void {}
    },
  },
  {
    name: "leaves-a-handler-running",
    wrongness: "reports a timeout, and does not ask the handler to stop",
    breaks: "R-57",
    fails: ["timeouts/ask-the-handler-to-stop"],
    passes: ["timeouts/reported-then-the-late-answer"],
    Worker: class extends RawWorker {
      override onTimeout(held: Held): void {
        super.onTimeout({ ...held, abort: new AbortController() });
        held.state = "overdue";
      }
    },
  },
  {
    name: "drops-late-answers",
    wrongness: "does not hear a handler out whose time is over",
    breaks: "R-58",
    fails: ["timeouts/reported-then-the-late-answer", "timeouts/a-late-answer-settles-a-step-in-doubt"],
    passes: ["timeouts/ask-the-handler-to-stop"],
    Worker: class extends RawWorker {
      override onEnd(held: Held, result: Result): void {
        if (held.state !== "overdue") {
          super.onEnd(held, result);
          return;
        }
        this.held.delete(held.leaseId);
        this.pump();
      }
    },
  },
  {
    name: "takes-the-ack-of-a-timeout-for-more",
    wrongness: "forgets the answer when its timeout is acknowledged",
    breaks: "R-58",
    fails: ["timeouts/an-ack-of-the-timeout-is-not-one-of-the-answer"],
    passes: ["timeouts/reported-then-the-late-answer"],
    Worker: class extends RawWorker {
      override onTimeoutAck(lease: string): void {
        this.onAck(lease);
      }
    },
  },
  {
    name: "ignores-cancel",
    wrongness: "finishes what was cancelled",
    breaks: "R-60",
    fails: ["cancel/stops-a-running-step", "cancel/drops-what-has-not-begun"],
    passes: ["cancel/of-leases-that-it-does-not-hold"],
    Worker: class extends RawWorker {
      override onCancel(): void {}
    },
  },
  {
    name: "cancels-in-silence",
    wrongness: "stops what was cancelled, and sends no result",
    breaks: "R-60",
    fails: ["cancel/stops-a-running-step", "cancel/by-a-person"],
    passes: ["cancel/of-leases-that-it-does-not-hold"],
    Worker: class extends RawWorker {
      override put(held: Held, result: Result, isTimeout: boolean): void {
        if (!held.cancelled) super.put(held, result, isTimeout);
      }
    },
  },
  {
    name: "answers-for-leases-of-others",
    wrongness: "sends a cancelled result for a lease that it does not hold",
    breaks: "R-60",
    fails: ["cancel/of-leases-that-it-does-not-hold", "always/results-belong-to-their-batch"],
    passes: ["cancel/stops-a-running-step"],
    Worker: class extends RawWorker {
      override onCancel(lease: string): void {
        const [known] = this.held.values();
        if (this.held.has(lease) || known === undefined) super.onCancel(lease);
        else this.put({ ...known, leaseId: lease }, failure("cancelled", "cancelled"), false);
      }
    },
  },
  {
    name: "ignores-drain",
    wrongness: "goes on as if nothing had been said",
    breaks: "R-61",
    fails: ["drain/by-the-orchestrator", "drain/sigterm-while-idle"],
    passes: ["cancel/stops-a-running-step"],
    Worker: class extends RawWorker {
      override drain(): void {}
    },
  },
  {
    name: "dies-of-sigterm",
    wrongness: "ends at once, with all that it holds",
    breaks: "R-61",
    fails: ["drain/sigterm-while-working", "drain/sigterm-while-idle"],
    passes: ["drain/by-the-orchestrator"],
    Worker: class extends RawWorker {
      override start(): void {
        super.start();
        process.removeAllListeners("SIGTERM");
      }
    },
  },
  {
    name: "takes-more-while-it-drains",
    wrongness: "runs batches that come after it was asked to drain",
    breaks: "R-61",
    fails: ["drain/by-the-orchestrator", "drain/sigterm-while-working"],
    passes: ["drain/sigterm-while-idle"],
    Worker: class extends RawWorker {
      override onBatch(...[batch]: Parameters<RawWorker["onBatch"]>): void {
        const { draining } = this;
        this.draining = false;
        super.onBatch(batch);
        this.draining = draining;
      }
    },
  },
  {
    name: "gives-back-what-it-has-begun",
    wrongness: "rejects running steps when it drains",
    breaks: "R-25",
    fails: ["drain/by-the-orchestrator", "always/no-reject-of-what-has-begun"],
    passes: ["drain/sigterm-while-idle"],
    Worker: class extends RawWorker {
      override drain(): void {
        this.reject([...this.held.keys()], "draining");
        super.drain();
      }
      override beat(): void {
        if (this.draining) for (const [lease, { state }] of this.held) if (state === "queued") this.held.delete(lease);
        super.beat();
      }
      override leases(): string[] {
        return this.draining ? [] : super.leases();
      }
    },
  },
  {
    name: "leaves-before-its-acks",
    wrongness: "says bye while results are not acknowledged",
    breaks: "R-61",
    fails: ["drain/waits-for-its-acks"],
    passes: ["drain/sigterm-while-idle"],
    Worker: class extends RawWorker {
      override leaveIfDone(): void {
        if (this.draining && this.held.size === 0) this.leave();
      }
    },
  },
  {
    name: "leaves-without-its-last-seq",
    wrongness: "says bye without the last batch that it has read",
    breaks: "R-92",
    fails: ["drain/bye-names-the-last-batch"],
    passes: ["drain/sigterm-while-idle"],
    Worker: class extends RawWorker {
      override leave(): void {
        this.say("worker", { type: "bye", protocol_version: "2.0", session: this.session });
        this.close(0);
      }
    },
  },
  {
    name: "leaves-without-bye",
    wrongness: "closes its sockets without a word",
    breaks: "R-61",
    fails: ["drain/sigterm-while-idle"],
    passes: ["cancel/stops-a-running-step"],
    Worker: class extends RawWorker {
      override leave(): void {
        this.close(0);
      }
    },
  },
];
