/** Which code runs which step: handlers by name, in the plain form (a function) and the seed's (a class with `process`). */
import type { Attempt, Step } from "./step.ts";

/**
 * Runs one attempt. What it returns, or what its promise resolves to, is the step's output; `undefined` becomes null. Name
 * the payloads' types in the parameter (`step: Step<Order, Config>`), or leave them open.
 */
// biome-ignore-start lint/suspicious/noExplicitAny: payloads have the shape that the template says; the reader names it or not
export type HandlerFunction<Context = any, Output = unknown> = (
  step: Step<Context, any, any>,
) => Output | PromiseLike<Output>;
// biome-ignore-end lint/suspicious/noExplicitAny: as above

/** The task, as class handlers see it. */
// biome-ignore lint/suspicious/noExplicitAny: as in HandlerFunction
export interface Task<Context = any> {
  readonly taskId: string;
  readonly context: Context;
}

/** What ran before, as class handlers see it. */
export interface Sequence {
  /** Outputs by step name. */
  // biome-ignore lint/suspicious/noExplicitAny: as in HandlerFunction
  readonly previousResults: Readonly<Record<string, any>>;
  /** The output of one earlier step; undefined when this step does not depend on it. */
  // biome-ignore lint/suspicious/noExplicitAny: as in HandlerFunction
  resultOf(stepName: string): any;
}

/** The seed's form of a handler. */
export interface StepHandler {
  process(task: Task, sequence: Sequence, step: Step): unknown;
}

/** Made once, without arguments, when it is registered. */
export interface StepHandlerClass {
  new (): StepHandler;
  /** Reported with every result (seed: `handler_version`). */
  readonly VERSION?: string;
}

export interface RegisteredHandler {
  readonly run: (attempt: Attempt) => unknown;
  readonly version: string | null;
  /** How long one call keeps the thread, in milliseconds: the longest, fading with every call; Infinity before the first. */
  holdsMs: number;
}

/** What a name on the wire may look like (spec section 5, "name"). */
const legalName = /^[^\p{Cc} \p{Cs}]{1,255}$/u;

export class HandlerRegistry {
  readonly #handlers = new Map<string, RegisteredHandler>();

  /** @throws TypeError when the name or the handler is of no use; Error when the name is taken */
  add(name: string, handler: HandlerFunction | StepHandler | StepHandlerClass, version: string | null): void {
    if (typeof name !== "string" || !legalName.test(name)) {
      throw new TypeError(
        `handle(${JSON.stringify(name)}): a handler's name has 1 to 255 characters and no spaces; use the template's "handler"`,
      );
    }
    if (this.#handlers.has(name)) throw new Error(`handle(${JSON.stringify(name)}): there is such a handler already`);
    this.#handlers.set(name, register(name, handler, version));
  }

  get(name: string): RegisteredHandler | undefined {
    return this.#handlers.get(name);
  }

  names(): string[] {
    return [...this.#handlers.keys()];
  }
}

/** @throws TypeError when it is neither a function nor has a `process` method */
export function register(
  name: string,
  handler: HandlerFunction | StepHandler | StepHandlerClass,
  version: string | null,
): RegisteredHandler {
  if (typeof handler === "function" && !isHandlerClass(handler))
    return { run: handler, version, holdsMs: Number.POSITIVE_INFINITY };
  const instance = typeof handler === "function" ? new handler() : handler;
  if (typeof instance?.process !== "function") {
    throw new TypeError(
      `handle(${JSON.stringify(name)}): expected a function, or a class or object with process(task, sequence, step)`,
    );
  }
  const declared = (instance.constructor as { VERSION?: unknown }).VERSION;
  return {
    run: (attempt) => instance.process(attempt, new AttemptSequence(attempt), attempt),
    version: version ?? (typeof declared === "string" ? declared : null),
    holdsMs: Number.POSITIVE_INFINITY,
  };
}

function isHandlerClass(handler: HandlerFunction | StepHandlerClass): handler is StepHandlerClass {
  const prototype = handler.prototype as { process?: unknown } | undefined;
  return typeof prototype?.process === "function";
}

class AttemptSequence implements Sequence {
  readonly #attempt: Attempt;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as in HandlerFunction
  get previousResults(): Record<string, any> {
    return this.#attempt.previousResults;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as in HandlerFunction
  resultOf(stepName: string): any {
    const results = this.previousResults;
    return Object.hasOwn(results, stepName) ? results[stepName] : undefined;
  }
}
