/** The fastify server with what holds for every request: who may ask, how bodies are read, how errors look, what is noted. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Log, LogFields } from "@tasker/engine";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { HttpLimits } from "./limits.ts";
import type { HttpMetrics } from "./metrics.ts";
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
import { boundPendingBodies } from "./request/pending-bodies.ts";
import { assertSameOrigin, assertServedHost, type ServedHosts } from "./request/same-site.ts";
import { templateMediaTypes } from "./routes/templates.ts";

declare module "fastify" {
  interface FastifyReply {
    /** What the line in the log says beside the request: the task, the code of a problem. */
    noted: LogFields | null;
  }
}

export interface ServerParts {
  readonly limits: HttpLimits;
  readonly log: Log;
  readonly hosts: ServedHosts;
  readonly metrics: HttpMetrics;
}

/** A server without routes. */
export function openServer({ limits, log, hosts, metrics }: ServerParts): FastifyInstance {
  const nextId = requestIds();
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    sendProblem(error, request, reply, log, metrics);
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    routerOptions: { maxParamLength: 1_000 },
    requestTimeout: 60_000,
    connectionTimeout: 120_000,
    return503OnClosing: false,
    genReqId: nextId,
    frameworkErrors: refuse,
    clientErrorHandler: (error, socket) => refuseBytes(error, socket, nextId(), log),
  });
  app.decorateReply("noted", null);
  app.setErrorHandler(refuse);
  app.setNotFoundHandler((request) => {
    throw new HttpError(
      "route_not_found",
      `there is no ${request.url.split("?")[0]}`,
      "Compare it with `/openapi.json`.",
    );
  });
  // Responses are finished texts; schemas of them only document.
  app.setSerializerCompiler(() => JSON.stringify);
  guard(app, hosts);
  boundPendingBodies(app, limits.pendingBodyBytes);
  observe(app, log, metrics);
  readBodies(app, limits);
  return app;
}

/** Ids that no other start of this server gives. */
function requestIds(): () => string {
  const start = randomBytes(4).toString("hex");
  let requests = 0;
  return () => `${start}-${(++requests).toString(36)}`;
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
    const fields = {
      request: request.id,
      method,
      route,
      status: reply.statusCode,
      ms: Math.round(ms * 100) / 100,
      ...reply.noted,
    };
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
    [...templateMediaTypes],
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

function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Log,
  metrics: HttpMetrics,
): void {
  const refusal = toRefusal(error, {
    bodyLimit: request.routeOptions.bodyLimit,
    contentType: request.headers["content-type"],
  });
  const { code } = refusal;
  const { status, retryAfterS } = problemTypes[code];
  metrics.countProblem(code);
  reply.noted = { ...reply.noted, code };
  const { message, stack } = error as Error;
  if (code === "internal") log.error("http.failed", { request: request.id, code, error: message, stack });
  else if (status >= 500 && code !== "not_ready")
    log.warn("http.refused", { request: request.id, code, error: message });
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
