/**
 * The seed's task handlers: each names a template and the handlers of its steps, and gives the orchestrator its two
 * commands, `initialize_task` and `handle`, over HTTP.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { StepHandler, StepHandlerClass } from "../handler/registry.ts";
import type { Worker } from "../worker.ts";
import { OrchestratorClient, type TaskRequest, type TaskState } from "./orchestrator-client.ts";

/** How often a task is looked at while it is waited for: at first, and at the latest. */
const firstLookMs = 20;
const longestLookMs = 1_000;

export interface TaskHandlerClass {
  new (client?: OrchestratorClient): BaseTaskHandler;
  readonly namespace: string;
  readonly template: string;
}

/**
 * ```ts
 * class ProcessOrderHandler extends BaseTaskHandler {
 *   static readonly namespace = "fulfillment";
 *   static readonly template = "process_order";
 *   static readonly stepHandlers = { ship_order: ShipOrderHandler };
 * }
 * ```
 */
export class BaseTaskHandler {
  static readonly namespace: string = "";
  /** The template's name. */
  static readonly template: string = "";
  /** Absent: the highest that there is. */
  static readonly version: string | undefined = undefined;
  /** Handlers in the class form, by the names of their steps. */
  static readonly stepHandlers: Readonly<Record<string, StepHandlerClass>> = {};
  readonly #client: OrchestratorClient;
  readonly #stepHandlers: ReadonlyMap<string, StepHandler>;

  constructor(client: OrchestratorClient = new OrchestratorClient()) {
    this.#client = client;
    const classes = Object.entries(this.#class.stepHandlers);
    this.#stepHandlers = new Map(classes.map(([stepName, handlerClass]) => [stepName, new handlerClass()]));
  }

  /** Registers the handlers of all steps. @param prefix what a template's `handler` has before the class's name */
  registerSteps(worker: Worker, prefix = ""): void {
    for (const handlerClass of new Set(Object.values(this.#class.stepHandlers))) {
      worker.handle(prefix + handlerClass.name, handlerClass);
    }
  }

  /**
   * Submits a task of this handler's template; names that the request leaves out are the template's.
   *
   * @returns the id of the task, which is durable by now
   * @throws OrchestratorError
   */
  async initialize_task(request: TaskRequest = {}): Promise<string> {
    const { namespace, template: name, version } = this.#class;
    const task = await this.#client.submit({ namespace, name, ...(version && { version }), ...request });
    return task.id;
  }

  /**
   * Waits until the task is where it stays: completed, failed, cancelled, or waiting for a person (blocked, paused). The
   * steps run in workers; the orchestrator drives the task whether or not anybody waits here.
   *
   * @param timeoutMs 0 answers its state now; absent: for as long as it takes
   * @throws OrchestratorError
   */
  async handle(taskId: string, timeoutMs = Number.POSITIVE_INFINITY): Promise<TaskState> {
    const deadline = performance.now() + timeoutMs;
    for (let pauseMs = firstLookMs; ; pauseMs = Math.min(pauseMs * 2, longestLookMs)) {
      const task = await this.#client.task(taskId);
      const leftMs = deadline - performance.now();
      if (task.status !== "in_progress" || leftMs <= 0) return task;
      await wait(Math.min(pauseMs, leftMs));
    }
  }

  /** The handler of a step, as the seed's workers ask for it. */
  get_step_handler_from_name(stepName: string): StepHandler | undefined {
    return this.#stepHandlers.get(stepName);
  }

  get #class(): typeof BaseTaskHandler {
    return this.constructor as typeof BaseTaskHandler;
  }
}

/** Task handlers by the names of their templates, as the seed's workers ask for them. */
export class TaskHandlerRegistry {
  readonly #client: OrchestratorClient;
  readonly #handlers = new Map<string, BaseTaskHandler>();

  constructor(client: OrchestratorClient = new OrchestratorClient()) {
    this.#client = client;
  }

  register(handlerClass: TaskHandlerClass): this {
    const { namespace, template } = handlerClass;
    this.#handlers.set(`${namespace}/${template}`, new handlerClass(this.#client));
    return this;
  }

  get_task_handler(namespace: string, template: string): BaseTaskHandler | undefined {
    return this.#handlers.get(`${namespace}/${template}`);
  }

  /** @param taskId the orchestrator says of which template it is. @throws OrchestratorError */
  async get_task_handler_for_task(taskId: string): Promise<BaseTaskHandler | undefined> {
    const { namespace, name } = await this.#client.task(taskId);
    return this.get_task_handler(namespace, name);
  }
}
