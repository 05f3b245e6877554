/** `@tasker/worker`: runs the steps of Tasker's tasks in TypeScript and JavaScript. Handlers are tested with `@tasker/worker/testing`. */
export { PermanentError, RetryableError } from "./handler/errors.ts";
export type {
  HandlerFunction,
  Sequence,
  StepHandler,
  StepHandlerClass,
  Task,
} from "./handler/registry.ts";
export type { Step } from "./handler/step.ts";
export type { LogFields, Logger, LogLevel } from "./log.ts";
export type { WorkerOptions } from "./options.ts";
export { BaseTaskHandler, type TaskHandlerClass, TaskHandlerRegistry } from "./task-handler/base-task-handler.ts";
export {
  OrchestratorClient,
  OrchestratorError,
  type TaskRequest,
  type TaskState,
} from "./task-handler/orchestrator-client.ts";
export { Worker, WorkerRefusedError } from "./worker.ts";
