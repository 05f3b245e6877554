/** What supervisors, monitors and client generators ask: alive, ready, metrics, the OpenAPI document. */
import Type from "typebox";
import { HttpError } from "../problem.ts";
import { type Parts, type Route, sendJson } from "../route.ts";

const statusSchema = Type.Object({ status: Type.String() });

export function livez(): Route {
  return {
    operationId: "livez",
    summary: "The process answers",
    tag: "server",
    answers: { 200: { description: "It does.", schema: statusSchema } },
    problems: [],
    handler: async (_request, reply) => sendJson(reply, 200, '{"status":"alive"}'),
  };
}

export function readyz({ commands }: Parts): Route {
  return {
    operationId: "readyz",
    summary: "Tasks are taken and run",
    tag: "server",
    answers: { 200: { description: "They are.", schema: statusSchema } },
    problems: ["not_ready"],
    handler: async (_request, reply) => {
      const { ready, reason } = commands.readiness();
      if (!ready) throw new HttpError("not_ready", reason ?? "not ready", "Ask again in a moment.");
      return sendJson(reply, 200, '{"status":"ready"}');
    },
  };
}

export function metrics({ metrics }: Parts): Route {
  return {
    operationId: "metrics",
    summary: "Metrics in the text format of Prometheus",
    tag: "server",
    answers: { 200: { description: "All of them.", schema: Type.String(), mediaType: "text/plain" } },
    problems: [],
    handler: async (_request, reply) => reply.header("content-type", metrics.contentType).send(await metrics.text()),
  };
}

export function openApi({ openApi }: Parts): Route {
  return {
    operationId: "openApi",
    summary: "This document",
    tag: "server",
    answers: { 200: { description: "OpenAPI 3.1.", schema: Type.Object({}) } },
    problems: [],
    handler: async (_request, reply) => sendJson(reply, 200, openApi()),
  };
}
