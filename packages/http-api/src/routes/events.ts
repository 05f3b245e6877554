/** The history: pages of it, and streams that go on as it is written. */
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { invalidRequest } from "../problem.ts";
import type { Parts, Route } from "../route.ts";
import { sendJson } from "../route.ts";
import {
  type EventListQuery,
  eventListQuerySchema,
  type StreamQuery,
  streamQuerySchema,
  type TaskParams,
  taskParamsSchema,
} from "../schemas/requests.ts";
import { pageOf, reference } from "../schemas/responses.ts";
import { readTaskId, taskNotFound } from "../task-id.ts";

export function listTaskEvents({ reader, limits }: Parts): Route {
  return {
    operationId: "listTaskEvents",
    summary: "The history of a task, in order",
    tag: "events",
    params: taskParamsSchema,
    query: eventListQuerySchema(limits),
    answers: { 200: { description: "A page.", schema: pageOf(reference("Event")) } },
    problems: ["request_invalid", "task_not_found"],
    handler: async (request, reply) => {
      const id = readTaskId((request.params as TaskParams).id);
      const { after = 0, cursor = after, limit } = request.query as EventListQuery & { readonly limit: number };
      const json = await reader.events(id, cursor, limit);
      if (json === null) throw taskNotFound(id);
      return sendJson(reply, 200, json);
    },
  };
}

const streamAnswer = (description: string) => ({
  200: { description, schema: Type.String(), mediaType: "text/event-stream" },
});

export function streamTask({ streams }: Parts): Route {
  return {
    operationId: "streamTask",
    summary: "The history of a task as server-sent events, then live",
    tag: "events",
    params: taskParamsSchema,
    query: streamQuerySchema,
    answers: streamAnswer(
      "Events `transition` with the `seq` as id and an Event as data; at last one event `end` with `{status}`. Resumable by `Last-Event-ID` or `after`.",
    ),
    problems: ["request_invalid", "task_not_found", "too_many_streams"],
    isStream: true,
    handler: async (request, reply) => {
      const id = readTaskId((request.params as TaskParams).id);
      await streams.openTask(reply, id, resumeAfter(request) ?? 0);
      return reply;
    },
  };
}

export function streamAll({ streams }: Parts): Route {
  return {
    operationId: "streamAll",
    summary: "The history of all tasks as server-sent events: live, or from a sequence number on",
    tag: "events",
    query: streamQuerySchema,
    answers: streamAnswer("As for one task; it does not end. Without `after` and `Last-Event-ID` it begins now."),
    problems: ["request_invalid", "too_many_streams"],
    isStream: true,
    handler: async (request, reply) => {
      await streams.openAll(reply, resumeAfter(request));
      return reply;
    },
  };
}

/** A browser that reconnects sends the header and keeps the URL, so the header wins. */
function resumeAfter(request: FastifyRequest): number | null {
  const lastEventId = request.headers["last-event-id"];
  if (lastEventId === undefined) return (request.query as StreamQuery).after ?? null;
  const after = /^\d{1,15}$/.test(String(lastEventId)) ? Number(lastEventId) : null;
  if (after !== null) return after;
  throw invalidRequest(
    "the header Last-Event-ID is not an id of this stream",
    [{ path: "Last-Event-ID", message: "expected the `seq` of an event" }],
    "Send the id of the last event that came, or none.",
  );
}
