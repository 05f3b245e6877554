/**
 * A template as the engine knows it: names resolved, defaults filled in, durations in milliseconds. The loader
 * (`@tasker/templates`) makes it from what people write; `compilePlan` turns it into the graph that tasks run on.
 */

/** What happens to a step whose outcome is unknown: its worker was lost, or it ran past its timeout. */
export type OnLost = "retry" | "hold" | "fail";

export interface RetryPolicy {
  /** Retries after the first attempt (the seed's `retry_limit`): at most `limit + 1` attempts. */
  readonly limit: number;
  readonly backoff: "none" | "fixed" | "linear" | "exponential";
  readonly base_ms: number;
  readonly max_ms: number;
  /** Share of the delay that is random, 0 to 1: 0.2 means +-20 %. */
  readonly jitter: number;
}

export interface StepTemplate {
  readonly name: string;
  /** On the wire `handler_class`. */
  readonly handler: string;
  /** JSON text of an object, unchanged from the document; on the wire `handler_config`. */
  readonly config: string;
  readonly depends_on: readonly string[];
  /** False: only one attempt. It never blocks the first one. */
  readonly retryable: boolean;
  readonly retry: RetryPolicy;
  /** One attempt. */
  readonly timeout_ms: number;
  /** Ready, but no worker took it; null: waits for ever. */
  readonly queue_timeout_ms: number | null;
  readonly on_lost: OnLost;
  /** Higher first, -100 to 100. */
  readonly priority: number;
  readonly previous_results: "all" | "direct";
  /** JSON Schema, or null. */
  readonly result_schema: unknown;
}

/** What the stores keep of a template version, as JSON, and `compilePlan` reads. */
export interface Template {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** JSON Schema, or null. */
  readonly input_schema: unknown;
  readonly steps: readonly StepTemplate[];
}

/** Answers what is wrong with a value, or an empty list. */
export type Validate = (value: unknown) => readonly { readonly path: string; readonly message: string }[];

/** Compiles a JSON Schema. The engine has no validator of its own: one is injected where plans are compiled. */
export type CompileSchema = (schema: unknown) => Validate;
