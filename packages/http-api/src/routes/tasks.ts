/** Tasks: submit one or many, list, look at one, cancel. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SubmitTask } from "@tasker/engine";
import type { FastifyReply } from "fastify";
import Type from "typebox";
import type { SubmitOutcome } from "../ports.ts";
import { HttpError, problemJson, type Refusal, toRefusal, unfitRequest } from "../problem.ts";
import { compileCheck } from "../request/check.ts";
import type { JsonBody } from "../request/json-body.ts";
import { commandProblems, type Parts, type Route, requestInstance, sendJson } from "../route.ts";
import {
  type BulkFrame,
  bulkBodySchema,
  bulkFrameSchema,
  type CancelBody,
  cancelBodySchema,
  type SubmitBody,
  submitBodySchema,
  type TaskListQuery,
  type TaskParams,
  taskListQuerySchema,
  taskParamsSchema,
} from "../schemas/requests.ts";
import { pageOf, reference } from "../schemas/responses.ts";
import { contextOf, contextsOf, toSubmission } from "../submission.ts";
import { readTaskId, taskNotFound } from "../task-id.ts";
import { taskItemJson, taskJson } from "../views/index.ts";

const submitProblems = ["template_not_found", "idempotency_conflict", "context_invalid", ...commandProblems] as const;

/** Reading a body of this size takes some 10 ms. */
const largeBodyChars = 1024 * 1024;

const byId = { id: "$response.body#/id" };
const linksToTask = {
  task: { operationId: "getTask", parameters: byId },
  events: { operationId: "listTaskEvents", parameters: byId },
  cancel: { operationId: "cancelTask", parameters: byId },
};

/** Bytes of a body for everything but the context. */
const roomBesideContext = 256 * 1024;

export function submitTask({ commands, reader, limits }: Parts): Route {
  return {
    operationId: "submitTask",
    summary: "Submit a task; the answer means that it is durable",
    tag: "tasks",
    body: submitBodySchema(limits),
    bodyLimit: Math.min(limits.bodyBytes, limits.contextBytes + roomBesideContext),
    answers: {
      201: { description: "Created.", schema: reference("Task") },
      200: { description: "The task that this idempotency key already has.", schema: reference("Task") },
    },
    problems: submitProblems,
    links: { 201: linksToTask, 200: linksToTask },
    handler: async (request, reply) => {
      const { text, value } = request.body as JsonBody;
      const [outcome] = await commands.submit([toSubmission(value as SubmitBody, contextOf(text), limits)]);
      if (!outcome!.ok) throw outcome!.error;
      const { task, plan, created } = outcome!;
      reply.header("location", `/v1/tasks/${task.id}`);
      reply.noted = { task: task.id, created };
      const known = created ? null : await reader.task(task.id);
      const view = { task, steps: [], template: plan.template };
      return sendJson(
        reply,
        created ? 201 : 200,
        known ?? taskJson(view, { servedHandlers: commands.servedHandlers() }),
      );
    },
  };
}

export function submitTasks({ commands, limits }: Parts): Route {
  const check = compileCheck(submitBodySchema(limits));
  return {
    operationId: "submitTasks",
    summary: "Submit many tasks; each is answered on its own, in order",
    tag: "tasks",
    body: bulkBodySchema(limits),
    checkedBody: bulkFrameSchema,
    answers: {
      200: {
        description: "For each task what was stored (without its steps and context), or the problem why it was not.",
        schema: Type.Object({ items: Type.Array(Type.Union([reference("TaskItem"), reference("Problem")])) }),
      },
    },
    problems: commandProblems,
    handler: async (request, reply) => {
      const { text, value } = request.body as JsonBody;
      const { tasks } = value as BulkFrame;
      if (tasks.length > limits.bulkTasks) throw tooManyTasks(tasks.length, limits.bulkTasks);
      // Each of the three looks at all of a large body: between them turns may run.
      const pause = text.length > largeBodyChars ? nextTurn : async () => {};
      await pause();
      const contexts = contextsOf(text);
      await pause();
      const read = tasks.map((task, index) => readTask(task, contexts[index] ?? null));
      const submissions = read.filter((task): task is SubmitTask => !(task instanceof Error));
      const outcomes = submissions.length === 0 ? [] : await commands.submit(submissions);
      const instance = requestInstance(request);
      let next = 0;
      const items = read.map((task, index) =>
        itemJson(task instanceof Error ? task : outcomes[next++]!, `${instance}#/tasks/${index}`),
      );
      reply.noted = { tasks: tasks.length, refused: tasks.length - stored(outcomes) };
      return sendJson(reply, 200, `{"items":[${items.join(",")}]}`);
    },
  };

  function readTask(task: unknown, context: string | null): SubmitTask | Refusal {
    const issues = check(task);
    if (issues.length > 0) return unfitRequest("the task", issues);
    try {
      return toSubmission(task as SubmitBody, context, limits);
    } catch (error) {
      return toRefusal(error);
    }
  }
}

export function listTasks({ reader, limits }: Parts): Route {
  return {
    operationId: "listTasks",
    summary: "Tasks, newest first",
    tag: "tasks",
    query: taskListQuerySchema(limits),
    answers: { 200: { description: "A page.", schema: pageOf(reference("TaskItem")) } },
    problems: ["request_invalid"],
    handler: async (request, reply) => {
      const query = request.query as TaskListQuery & { readonly limit: number };
      const { status = null, namespace = null, name = null, tag = null, q = null, cursor = null, limit } = query;
      return sendJson(reply, 200, await reader.tasks({ status, namespace, name, tag, q, cursor, limit }));
    },
  };
}

export function getTask({ reader }: Parts): Route {
  return {
    operationId: "getTask",
    summary: "One task with its steps",
    tag: "tasks",
    params: taskParamsSchema,
    answers: { 200: { description: "The task.", schema: reference("Task") } },
    problems: ["task_not_found"],
    handler: async (request, reply) => {
      const id = readTaskId((request.params as TaskParams).id);
      const json = await reader.task(id);
      if (json === null) throw taskNotFound(id);
      return sendJson(reply, 200, json);
    },
  };
}

export function cancelTask({ commands, reader, limits }: Parts): Route {
  return {
    operationId: "cancelTask",
    summary: "Cancel a task: nothing of it runs again, and its workers are told",
    tag: "tasks",
    params: taskParamsSchema,
    body: cancelBodySchema(limits),
    bodyIsOptional: true,
    bodyLimit: Math.min(limits.bodyBytes, roomBesideContext),
    answers: { 200: { description: "The cancelled task.", schema: reference("Task") } },
    problems: ["task_not_found", "task_final", ...commandProblems],
    handler: async (request, reply): Promise<FastifyReply> => {
      const id = readTaskId((request.params as TaskParams).id);
      const body = (request.body as JsonBody | undefined)?.value as CancelBody | undefined;
      reply.noted = { task: id };
      await commands.cancel(id, { reason: body?.reason ?? null, actor: "client" });
      const json = await reader.task(id);
      if (json === null) throw taskNotFound(id);
      return sendJson(reply, 200, json);
    },
  };
}

function stored(outcomes: readonly SubmitOutcome[]): number {
  return outcomes.filter(({ ok }) => ok).length;
}

function itemJson(outcome: SubmitOutcome | Refusal, instance: string): string {
  if (outcome instanceof Error) return problemJson(outcome, instance);
  if (!outcome.ok) return problemJson(outcome.error, instance);
  const { namespace, name, version } = outcome.plan.template;
  return taskItemJson({ ...outcome.task, namespace, name, version });
}

function tooManyTasks(given: number, limit: number): HttpError {
  return new HttpError(
    "content_too_large",
    `at most ${limit} tasks are taken in one call, got ${given}`,
    "Send them in several calls.",
    [{ path: "tasks", message: `at most ${limit} items, got ${given}` }],
  );
}
