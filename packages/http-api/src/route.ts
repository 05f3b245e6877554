/** What a route says about itself, once, for fastify and for the OpenAPI document. */
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { TSchema } from "typebox";
import type { HttpLimits } from "./limits.ts";
import type { HttpMetrics } from "./metrics.ts";
import type { Commands, JsonText, Reader } from "./ports.ts";
import { instanceOf, type ProblemCode, problemMediaType, problemTypes } from "./problem.ts";
import { reference } from "./schemas/responses.ts";
import type { EventStreams } from "./stream/event-streams.ts";

/** What handlers work with. */
export interface Parts {
  readonly commands: Commands;
  readonly reader: Reader;
  readonly limits: HttpLimits;
  readonly streams: EventStreams;
  readonly metrics: HttpMetrics;
  /** The OpenAPI document. */
  readonly openApi: () => string;
}

export interface Answer {
  readonly description: string;
  readonly schema: TSchema;
  /** Default `application/json`. */
  readonly mediaType?: string;
}

export type Links = Readonly<
  Record<number, Readonly<Record<string, { operationId: string; parameters: Readonly<Record<string, string>> }>>>
>;

export interface Route {
  readonly operationId: string;
  readonly summary: string;
  readonly tag: "tasks" | "events" | "templates" | "workers" | "server";
  readonly params?: TSchema;
  readonly query?: TSchema;
  /** Of a JSON body, or per media type. */
  readonly body?: TSchema | { readonly content: Record<string, { readonly schema: TSchema }> };
  /** Stands in the document as `body`, but this is what is checked before the handler. */
  readonly checkedBody?: TSchema;
  /** Default: a request without a body is refused. */
  readonly bodyIsOptional?: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beside those that every route may answer. */
  readonly problems: readonly ProblemCode[];
  readonly bodyLimit?: number;
  /** What can be done next with what an answer holds: OpenAPI links, by status and name. */
  readonly links?: Links;
  /** It answers for as long as the client listens. */
  readonly isStream?: boolean;
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> | FastifyReply;
}

/** Any route may answer these. */
export const commonProblems: readonly ProblemCode[] = ["host_refused", "origin_refused", "internal"];

/** Every route with a body may answer these. */
export const bodyProblems: readonly ProblemCode[] = [
  "request_invalid",
  "content_too_large",
  "media_type_unsupported",
  "overloaded",
];

/** Every command may answer these. */
export const commandProblems: readonly ProblemCode[] = ["overloaded", "stopping", "storage_full", "storage_failed"];

export function problemsOf(route: Route): readonly ProblemCode[] {
  return [...new Set([...route.problems, ...(route.body === undefined ? [] : bodyProblems), ...commonProblems])];
}

/** The schema of a fastify route. */
export function documented(route: Route): NonNullable<RouteOptions["schema"]> {
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.tag],
    ...(route.params !== undefined && { params: route.params }),
    ...(route.query !== undefined && { querystring: route.query }),
    ...(route.body !== undefined && { body: route.body }),
    response: { ...answerSchemas(route), ...problemSchemas(problemsOf(route)) },
  };
}

function answerSchemas(route: Route): Record<string, unknown> {
  const answers = Object.entries(route.answers).map(([status, { description, schema, mediaType }]) => [
    status,
    { description, content: { [mediaType ?? "application/json"]: { schema } } },
  ]);
  return Object.fromEntries(answers);
}

function problemSchemas(codes: readonly ProblemCode[]): Record<string, unknown> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = problemTypes[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const schemas = [...byStatus].map(([status, listed]) => [
    status,
    {
      description: listed.map((code) => `\`${code}\`: ${problemTypes[code].title}.`).join(" "),
      content: { [problemMediaType]: { schema: reference("Problem") } },
    },
  ]);
  return Object.fromEntries(schemas);
}

/** Sends finished JSON. */
export function sendJson(reply: FastifyReply, status: number, json: JsonText): FastifyReply {
  return reply.code(status).header("content-type", "application/json; charset=utf-8").send(json);
}

export function requestInstance(request: FastifyRequest): string {
  return instanceOf(request.id);
}
