/** The few commands of the orchestrator's HTTP API that task handlers give. */
import { parseLossless, stringifyLossless } from "@tasker/json";

/** The orchestrator said no, or could not be reached. */
export class OrchestratorError extends Error {
  /** A stable name, e.g. `template_not_found`; null when it could not be reached, or something else answered. */
  readonly code: string | null;
  /** Of HTTP; null when it could not be reached. */
  readonly status: number | null;

  constructor(
    message: string,
    options: { readonly code?: string | null; readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "OrchestratorError";
    this.code = options.code ?? null;
    this.status = options.status ?? null;
  }
}

/** What `POST /v1/tasks` takes. */
export interface TaskRequest {
  readonly namespace?: string;
  readonly name?: string;
  readonly version?: string;
  readonly context?: unknown;
  readonly idempotency_key?: string;
  readonly priority?: number;
  readonly tags?: readonly string[];
  readonly correlation_id?: string;
  readonly initiator?: string;
  readonly reason?: string;
}

/** A task as the API shows it; integers beyond 2^53 are BigInt. */
export interface TaskState {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly status: string;
  readonly reason: string | null;
  readonly context: unknown;
  readonly steps: readonly {
    readonly name: string;
    readonly status: string;
    readonly attempt: number;
    readonly output: unknown;
    readonly error: { readonly message: string; readonly code?: string } | null;
  }[];
}

export class OrchestratorClient {
  readonly #url: string;

  /** @param url `TASKER_URL`, else where `tasker server` listens by default */
  constructor(url: string = process.env.TASKER_URL || "http://127.0.0.1:8480") {
    this.#url = url.replace(/\/$/, "");
  }

  /** @returns the task, durable by now. @throws OrchestratorError */
  async submit(request: TaskRequest): Promise<TaskState> {
    return await this.#send("/v1/tasks", { method: "POST", body: stringifyLossless(request)! });
  }

  /** @throws OrchestratorError */
  async task(id: string): Promise<TaskState> {
    return await this.#send(`/v1/tasks/${encodeURIComponent(id)}`, { method: "GET" });
  }

  async #send(path: string, request: { readonly method: string; readonly body?: string }): Promise<TaskState> {
    let status: number;
    let text: string;
    try {
      const response = await fetch(this.#url + path, { ...request, headers: { "content-type": "application/json" } });
      status = response.status;
      text = await response.text();
    } catch (cause) {
      const where = `cannot reach the orchestrator at ${this.#url}`;
      throw new OrchestratorError(`${where}: ${(cause as Error).message}; TASKER_URL says where it is`, { cause });
    }
    if (status >= 400) throw refusal(status, text);
    return parseLossless(text) as TaskState;
  }
}

function refusal(status: number, text: string): OrchestratorError {
  try {
    const { detail, title, code = null } = JSON.parse(text) as { detail?: string; title?: string; code?: string };
    return new OrchestratorError(`the orchestrator refused: ${detail ?? title ?? status}`, { code, status });
  } catch {
    return new OrchestratorError(`the orchestrator answered ${status}`, { status });
  }
}
