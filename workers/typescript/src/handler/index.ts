/** The part that runs handlers, by itself, for whoever joins it to other sockets and another clock than the worker does. */
export { PermanentError, RetryableError } from "./errors.ts";
export { HandlerRegistry } from "./registry.ts";
export { type Deliveries, Runner, type RunnerOptions } from "./runner.ts";
export type { StepRequest } from "./step.ts";
