/** Wrong about results: when they are sent, how often, and what is in them. */
import { stringifyLossless } from "@tasker/json";
import type { DecodedBatch } from "@tasker/protocol";
import { type Held, type OutboxEntry, RawWorker, type Result } from "../raw-worker.ts";
import type { Wrong } from "../wrong.ts";

export const wrongResults: readonly Wrong[] = [
  {
    name: "answers-before-working",
    wrongness: "sends a completed result when a step begins, and then runs it",
    breaks: "R-52",
    fails: ["results/after-the-work"],
    passes: ["results/doubled-on-the-way"],
    Worker: class extends RawWorker {
      override begin(held: Held): void {
        if (held.step.handler_class === "conformance.record") this.put(held, this.completed({ attempt: 1 }), false);
        super.begin(held);
      }
    },
  },
  {
    name: "never-sends-again",
    wrongness: "sends each result once, and takes it for delivered",
    breaks: "R-52",
    fails: ["results/sent-again-until-acknowledged", "results/acks-that-mean-nothing", "results/lost-on-the-way"],
    passes: ["results/after-the-work"],
    Worker: class extends RawWorker {
      override resend(): void {}
    },
  },
  {
    name: "changes-what-it-sends-again",
    wrongness: "writes into a result that it is sent for the second time",
    breaks: "R-53",
    fails: ["results/sent-again-until-acknowledged", "always/one-answer-to-a-lease"],
    passes: ["results/after-the-work"],
    Worker: class extends RawWorker {
      override resend({ held, result, ...rest }: OutboxEntry): void {
        this.send({ ...rest, held, result: { ...result, output: '{"resent":true}', status: "completed" } });
      }
    },
  },
  {
    name: "holds-a-batch",
    wrongness: "sends the results of a batch when its slowest step has ended",
    breaks: "R-19",
    fails: ["results/as-each-step-ends"],
    passes: ["results/after-the-work"],
    Worker: class extends RawWorker {
      readonly waiting = new Map<string, OutboxEntry[]>();
      override send(entry: OutboxEntry): void {
        const { batchId } = entry.held;
        const done = [...(this.waiting.get(batchId) ?? []), entry];
        this.waiting.set(batchId, done);
        if ([...this.held.values()].some((held) => held.batchId === batchId)) return;
        for (const one of done) super.send(one);
        this.waiting.delete(batchId);
      }
    },
  },
  {
    name: "answers-with-a-stale-lease",
    wrongness: "answers a step that comes again under the lease of its first attempt",
    breaks: "R-49",
    fails: ["failures/tried-again", "always/results-belong-to-their-batch"],
    passes: ["failures/permanent"],
    Worker: class extends RawWorker {
      readonly first = new Map<number, Held>();
      override send(entry: OutboxEntry): void {
        const { held } = entry;
        const { batchId, leaseId } = this.first.get(held.step.step_id) ?? held;
        this.first.set(held.step.step_id, { ...held, batchId, leaseId });
        super.send({ ...entry, held: { ...held, batchId, leaseId } });
      }
    },
  },
  {
    name: "reports-another-attempt",
    wrongness: "counts attempts from 0",
    breaks: "R-12",
    fails: ["payloads/what-a-handler-sees", "always/every-frame-is-a-message", "always/results-belong-to-their-batch"],
    Worker: class extends RawWorker {
      override resultText(...[batchId, leaseId, step, result]: Parameters<RawWorker["resultText"]>): string {
        const metadata = { ...step.metadata, attempt: step.metadata.attempt - 1 };
        return super.resultText(batchId, leaseId, { ...step, metadata }, result);
      }
    },
  },
  {
    name: "sends-what-is-too-large",
    wrongness: "sends outputs of any size",
    breaks: "R-71",
    fails: [
      "failures/an-output-that-is-too-large",
      "failures/an-output-larger-than-the-welcome-allows",
      "always/every-frame-is-a-message",
    ],
    passes: ["failures/permanent"],
    Worker: class extends RawWorker {
      override completed(value: unknown): Result {
        const output = stringifyLossless(value);
        return output === undefined
          ? super.completed(value)
          : { status: "completed", output, error: "null", metadata: {} };
      }
    },
  },
  {
    name: "says-nothing-of-unknown-handlers",
    wrongness: "drops steps whose handler it does not have",
    breaks: "R-25",
    fails: ["leases/unknown-handler"],
    passes: ["leases/last-seq-confirms-batches"],
    Worker: class extends RawWorker {
      override reject(leases: readonly string[], reason: string): void {
        if (reason !== "unknown_handler") super.reject(leases, reason);
      }
    },
  },
  {
    name: "lets-one-step-spoil-the-others",
    wrongness: "drops a batch in which it cannot read one step",
    breaks: "R-30",
    fails: ["leases/a-step-that-cannot-be-read"],
    passes: ["leases/last-seq-confirms-batches"],
    Worker: class extends RawWorker {
      override onBatch(batch: DecodedBatch): void {
        super.onBatch(batch.refused.length === 0 ? batch : { ...batch, steps: [] });
      }
    },
  },
  {
    name: "runs-a-doubled-batch-twice",
    wrongness: "runs whatever comes",
    breaks: "R-50",
    fails: [
      "leases/a-doubled-batch-runs-once",
      "leases/a-seq-that-it-has-seen",
      "leases/the-same-lease-in-another-batch",
    ],
    passes: ["leases/last-seq-confirms-batches"],
    Worker: class extends RawWorker {
      override isNew(): boolean {
        return true;
      }
      override holds(): boolean {
        return false;
      }
    },
  },
  {
    name: "knows-leases-but-not-seqs",
    wrongness: "forgets a batch with the ack of its results, and runs it when it comes once more",
    breaks: "R-65",
    fails: ["leases/a-seq-that-it-has-seen"],
    passes: ["leases/the-same-lease-in-another-batch"],
    Worker: class extends RawWorker {
      override isNew(): boolean {
        return true;
      }
    },
  },
];
