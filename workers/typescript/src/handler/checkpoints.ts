/** The cursors that one attempt has saved and that are not settled yet, with the promises of those who wait. */
import { stringifyLossless } from "@tasker/json";
import { deepestPayload, isTooDeep } from "./depth.ts";
import { PermanentError, RetryableError } from "./errors.ts";

interface Waiting {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Checkpoints {
  readonly #leaseId: string;
  readonly #maxBytes: number;
  /** In the order of `seq`. */
  #waiting: Waiting[] = [];
  #lastSeq = 0;
  #ended = false;

  constructor(leaseId: string, maxBytes: number) {
    this.#leaseId = leaseId;
    this.#maxBytes = maxBytes;
  }

  /** @param send takes the cursor, as JSON text, on its way. Never throws: what is wrong rejects the promise */
  async save(cursor: unknown, send: (seq: number, text: string) => void): Promise<void> {
    const text = this.#textOf(cursor);
    if (this.#ended) throw this.#lost();
    const seq = ++this.#lastSeq;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ seq, resolve, reject });
    send(seq, text);
    await promise;
  }

  settle(seq: number, refused: string | null): void {
    const settled = this.#waiting.filter((one) => one.seq <= seq);
    this.#waiting = this.#waiting.filter((one) => one.seq > seq);
    for (const { resolve, reject } of settled) {
      if (refused === null) resolve();
      else if (refused === "stale_lease") reject(this.#lost());
      else reject(new PermanentError(`the orchestrator refused the checkpoint: ${refused}`, { code: refused }));
    }
  }

  end(): void {
    this.#ended = true;
    this.settle(Number.POSITIVE_INFINITY, "stale_lease");
  }

  #lost(): RetryableError {
    const message = `the checkpoint is not kept: lease ${this.#leaseId} is over, or another attempt has the step`;
    return new RetryableError(message, { code: "lease_lost" });
  }

  #textOf(cursor: unknown): string {
    let text: string | undefined;
    try {
      text = stringifyLossless(cursor);
    } catch (cause) {
      throw new PermanentError(`the cursor is not JSON: ${String(cause)}`, { code: "not_json", cause });
    }
    if (text === undefined) throw new PermanentError(`the cursor is ${typeof cursor}, not JSON`, { code: "not_json" });
    if (isTooDeep(text)) {
      throw new PermanentError(`the cursor is nested deeper than ${deepestPayload} levels`, { code: "not_json" });
    }
    const bytes = Buffer.byteLength(text);
    if (bytes <= this.#maxBytes) return text;
    const message = `the cursor has ${bytes} bytes, ${this.#maxBytes} are allowed; store it elsewhere and save a reference`;
    throw new PermanentError(message, { code: "checkpoint_too_large" });
  }
}
