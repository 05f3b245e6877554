/**
 * The HTTP API: the table of its routes, and what holds for all of them. Errors are RFC 9457 problems, bodies that could
 * be large are finished texts, and nothing here decides: commands go to the engine, reads to another thread.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Log } from "@tasker/engine";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { defaultHttpLimits, type HttpLimits } from "./limits.ts";
import { HttpMetrics } from "./metrics.ts";
import { collectOpenApi } from "./openapi.ts";
import type { Commands, Reader } from "./ports.ts";
import {
  HttpError,
  instanceOf,
  invalidRequest,
  problemJson,
  problemMediaType,
  problemTypes,
  toRefusal,
} from "./problem.ts";
import { readJson, readText } from "./request/json-body.ts";
import { assertSameOrigin, assertServedHost, type ServedHosts } from "./request/same-site.ts";
import { validatorFor } from "./request/validate.ts";
import { documented, type Parts, type Route } from "./route.ts";
import { listTaskEvents, streamAll, streamTask } from "./routes/events.ts";
import * as probes from "./routes/probes.ts";
import * as tasks from "./routes/tasks.ts";
import * as templates from "./routes/templates.ts";
import { listWorkers } from "./routes/workers.ts";
import { noQuerySchema } from "./schemas/requests.ts";
import { EventStreams } from "./stream/event-streams.ts";

export interface HttpApiOptions {
  readonly commands: Commands;
  readonly reader: Reader;
  readonly log: Log;
  /** Of the product, for the OpenAPI document. */
  readonly version: string;
  readonly limits?: Partial<HttpLimits>;
  /** Host names beside loopback that requests may ask for. */
  readonly hosts?: ServedHosts;
}

type RouteTable = readonly (readonly [method: "GET" | "POST" | "PUT", path: string, route: Route])[];

function routeTable(parts: Parts): RouteTable {
  return [
    ["POST", "/v1/tasks", tasks.submitTask(parts)],
    ["POST", "/v1/tasks/bulk", tasks.submitTasks(parts)],
    ["GET", "/v1/tasks", tasks.listTasks(parts)],
    ["GET", "/v1/tasks/:id", tasks.getTask(parts)],
    ["POST", "/v1/tasks/:id/cancel", tasks.cancelTask(parts)],
    ["GET", "/v1/tasks/:id/events", listTaskEvents(parts)],
    ["GET", "/v1/tasks/:id/stream", streamTask(parts)],
    ["GET", "/v1/stream", streamAll(parts)],
    ["GET", "/v1/templates", templates.listTemplates(parts)],
    ["GET", "/v1/templates/:namespace/:name", templates.getHighestTemplate(parts)],
    ["GET", "/v1/templates/:namespace/:name/:version", templates.getTemplate(parts)],
    ["PUT", "/v1/templates/:namespace/:name/:version", templates.putTemplate(parts)],
    ["GET", "/v1/workers", listWorkers(parts)],
    ["GET", "/livez", probes.livez()],
    ["GET", "/readyz", probes.readyz(parts)],
    ["GET", "/metrics", probes.metrics(parts)],
    ["GET", "/openapi.json", probes.openApi(parts)],
  ];
}

/** A server that does not listen yet: `listen` and `close` are fastify's. Closing it ends all streams. */
export async function createHttpApi(options: HttpApiOptions): Promise<FastifyInstance> {
  const limits = { ...defaultHttpLimits, ...options.limits };
  const app = openServer(limits, options);
  const streams = new EventStreams(options.commands, options.reader, limits, options.log);
  const metrics = new HttpMetrics(options.commands, () => streams.size);
  app.addHook("preClose", async () => streams.close());
  app.addHook("onClose", async () => metrics.close());
  guard(app, options.hosts ?? []);
  observe(app, options.log, metrics);
  readBodies(app, limits);
  app.setNotFoundHandler((request) => {
    throw new HttpError(
      "route_not_found",
      `there is no ${request.url.split("?")[0]}`,
      "Compare it with `/openapi.json`.",
    );
  });
  const openApi = await collectOpenApi(app, options.version);
  const { commands, reader } = options;
  addRoutes(app, routeTable({ commands, reader, limits, streams, metrics, openApi }));
  await app.ready();
  return app;
}

function openServer(limits: HttpLimits, { log }: HttpApiOptions): FastifyInstance {
  const prefix = randomBytes(4).toString("hex");
  let requests = 0;
  const nextId = () => `${prefix}-${(++requests).toString(36)}`;
  const answer = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    sendProblem(error, request, reply, log);
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    routerOptions: { maxParamLength: 1_000 },
    requestTimeout: 60_000,
    connectionTimeout: 120_000,
    return503OnClosing: false,
    genReqId: nextId,
    frameworkErrors: answer,
    clientErrorHandler: (error, socket) => refuseBytes(error, socket, nextId(), log),
  });
  app.setErrorHandler(answer);
  // Responses are finished texts; schemas of them only document.
  app.setSerializerCompiler(() => JSON.stringify);
  return app;
}

function guard(app: FastifyInstance, hosts: ServedHosts): void {
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers({
      "x-request-id": request.id,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
    });
    assertServedHost(request.headers.host, hosts);
    assertSameOrigin(request.method, request.headers);
    done();
  });
}

/** One line and one observation per request; writes are worth more attention than reads. */
function observe(app: FastifyInstance, log: Log, metrics: HttpMetrics): void {
  app.addHook("onResponse", (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url ?? "(none)";
    const ms = reply.elapsedTime;
    metrics.observeRequest(method, route, reply.statusCode, ms);
    const fields = { request: request.id, method, route, status: reply.statusCode, ms: Math.round(ms * 100) / 100 };
    if (method === "GET" || method === "HEAD") log.debug("http.request", fields);
    else log.info("http.request", fields);
    done();
  });
}

/** Bodies keep their text; JSON is read into a value beside it. No body at all counts as none of any type. */
function readBodies(app: FastifyInstance, { depth }: HttpLimits): void {
  app.removeAllContentTypeParsers();
  const parse =
    (read: (bytes: Buffer) => unknown) =>
    (request: FastifyRequest, bytes: Buffer, done: (error: Error | null, body?: unknown) => void) => {
      try {
        assertPlain(request.headers["content-encoding"]);
        done(null, bytes.length === 0 ? undefined : read(bytes));
      } catch (error) {
        done(error as Error);
      }
    };
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    parse((bytes) => readJson(bytes, depth)),
  );
  app.addContentTypeParser(
    [...templates.templateMediaTypes],
    { parseAs: "buffer" },
    parse((bytes) => ({ text: readText(bytes) })),
  );
}

function assertPlain(encoding: string | undefined): void {
  if (encoding === undefined || encoding === "identity") return;
  throw new HttpError(
    "media_type_unsupported",
    `bodies with content-encoding ${encoding} are not taken`,
    "Send it uncompressed.",
  );
}

function addRoutes(app: FastifyInstance, table: RouteTable): void {
  for (const [method, url, route] of table) {
    app.route({
      method,
      url,
      schema: { querystring: noQuerySchema, ...documented(route) },
      validatorCompiler: validatorFor(route) as never,
      ...(route.bodyLimit !== undefined && { bodyLimit: route.bodyLimit }),
      exposeHeadRoute: method === "GET" && route.isStream !== true,
      handler: route.handler,
    });
  }
  const paths = Map.groupBy(table, ([, url]) => url);
  for (const [url, routes] of paths)
    refuseOtherMethods(
      app,
      url,
      routes.map(([method]) => method),
    );
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** A path that exists answers 405 to the methods that it does not take, before any body is read. */
function refuseOtherMethods(app: FastifyInstance, url: string, taken: readonly string[]): void {
  const others = methods.filter((method) => !app.hasRoute({ method, url }));
  const allowed = taken.join(", ");
  app.route({
    method: others,
    url,
    schema: { hide: true },
    onRequest: (request, reply) => {
      reply.header("allow", allowed);
      throw new HttpError("method_not_allowed", `${url} does not take ${request.method}`, `It takes ${allowed}.`);
    },
    handler: async () => {},
  });
}

function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): void {
  const refusal = toRefusal(error);
  const { status, retryAfterS } = problemTypes[refusal.code];
  if (status >= 500) {
    const { message, stack } = error as Error;
    log.error("http.failed", {
      request: request.id,
      code: refusal.code,
      error: message,
      ...(status === 500 && { stack }),
    });
  }
  if (retryAfterS !== undefined) reply.header("retry-after", String(retryAfterS));
  const json = problemJson(refusal, instanceOf(request.id));
  // As bytes: fastify adds a charset to texts, which this media type does not have.
  reply.code(status).header("content-type", problemMediaType).send(Buffer.from(json));
}

/** What came in is not a request that Node could read, so there is no route and no reply: the socket gets the problem. */
function refuseBytes(error: Error & { readonly code?: string }, socket: Socket, requestId: string, log: Log): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  log.debug("http.unreadable", { request: requestId, error: error.message });
  const message = `what came in is not an HTTP request: ${error.message}`;
  const json = problemJson(invalidRequest(message, [], "Speak HTTP/1.1 to this port."), instanceOf(requestId));
  const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: ${problemMediaType}\r\ncontent-length: ${Buffer.byteLength(json)}`;
  socket.end(`${head}\r\nconnection: close\r\n\r\n${json}`);
}
