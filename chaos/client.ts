/**
 * A client as it should be: every task has an idempotency key, is sent again with the same key until it is acknowledged,
 * and what was sent and acknowledged is written down.
 */
import { appendLine } from "./json-lines.ts";
import type { ClientLine } from "./logs.ts";

/** How long a request may take before its outcome counts as unknown. */
const patienceMs = 5_000;
const pauseMs = 150;

export interface Submission {
  /** `namespace/name`. */
  readonly template: string;
  readonly version?: string;
  /** JSON text. */
  readonly context: string;
}

export class Client {
  readonly #url: () => string;
  readonly #log: string;
  readonly #prefix: string;
  #count = 0;
  #stopped = false;
  readonly #open = new Set<Promise<string>>();
  /** Refusals and lost answers so far, by problem code or `unanswered`. */
  readonly refusals: Record<string, number> = {};
  acknowledged = 0;
  /** Submissions that were refused for what they are: mistakes of the run itself. */
  readonly failures: string[] = [];

  /** @param log file to append to @param url where the orchestrator is now */
  constructor(prefix: string, log: string, url: () => string) {
    this.#prefix = prefix;
    this.#log = log;
    this.#url = url;
  }

  /** Tasks that are not acknowledged yet. */
  get pending(): number {
    return this.#open.size;
  }

  /** Sends until it is acknowledged. @returns the task's UUID */
  submit(submission: Submission): Promise<string> {
    const key = `${this.#prefix}-${++this.#count}`;
    this.#write({ event: "sent", key, context: submission.context });
    const sending = this.#sendUntilAcknowledged(key, submission);
    this.#open.add(sending);
    const done = () => this.#open.delete(sending);
    sending.then(done, (error: Error) => {
      done();
      if (!this.#stopped) this.failures.push(error.message);
    });
    return sending;
  }

  submitMany(count: number, submission: Submission): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.submit(submission)));
  }

  /** What is not acknowledged yet never will be. */
  stop(): void {
    this.#stopped = true;
  }

  async cancel(id: string): Promise<"cancelled" | "too late"> {
    for (;;) {
      const answer = await this.#post(`/v1/tasks/${id}/cancel`, "{}");
      if (answer?.status === 200) return "cancelled";
      if (answer?.status === 409) return "too late";
      await pause();
    }
  }

  async #sendUntilAcknowledged(key: string, { template, version, context }: Submission): Promise<string> {
    const [namespace, name] = template.split("/");
    const head = JSON.stringify({ namespace, name, version, idempotency_key: key });
    const body = `${head.slice(0, -1)},"context":${context}}`;
    for (;;) {
      const answer = await this.#post("/v1/tasks", body);
      if (answer !== null && answer.status < 300) {
        const { id } = answer.body as { id: string };
        this.acknowledged++;
        this.#write({ event: "acknowledged", key, id });
        return id;
      }
      const code = answer === null ? "unanswered" : (answer.body as { code: string }).code;
      this.refusals[code] = (this.refusals[code] ?? 0) + 1;
      this.#write(answer === null ? { event: "unanswered", key } : { event: "refused", key, code });
      if (this.#stopped) throw new Error(`${key} was given up`);
      if (answer !== null && answer.status < 500) throw new Error(`${key} of ${template} was refused: ${code}`);
      await pause();
    }
  }

  /** Null: no answer came. */
  async #post(path: string, body: string): Promise<{ status: number; body: unknown } | null> {
    try {
      const response = await fetch(this.#url() + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        signal: AbortSignal.timeout(patienceMs),
      });
      return { status: response.status, body: await response.json() };
    } catch {
      return null;
    }
  }

  #write(line: Omit<ClientLine, "at">): void {
    appendLine(this.#log, { at: Date.now(), ...line });
  }
}

/** Without a little patience a client would itself be the flood. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMs));
}
