/**
 * The HTTP API: the table of its routes. Errors are RFC 9457 problems, bodies that could be large are finished texts, and
 * nothing here decides: commands go to the engine, reads to another thread.
 */
import type { Log } from "@tasker/engine";
import type { FastifyInstance } from "fastify";
import { addRoutes, type RouteTable } from "./add-routes.ts";
import { defaultHttpLimits, type HttpLimits } from "./limits.ts";
import { HttpMetrics } from "./metrics.ts";
import { collectOpenApi } from "./openapi.ts";
import type { Commands, Reader } from "./ports.ts";
import type { ServedHosts } from "./request/same-site.ts";
import type { Parts } from "./route.ts";
import { listTaskEvents, streamAll, streamTask } from "./routes/events.ts";
import * as probes from "./routes/probes.ts";
import * as tasks from "./routes/tasks.ts";
import * as templates from "./routes/templates.ts";
import { listWorkers } from "./routes/workers.ts";
import { openServer } from "./server.ts";
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
  const { commands, reader, log, version, hosts = [] } = options;
  const limits = { ...defaultHttpLimits, ...options.limits };
  const streams = new EventStreams(commands, reader, limits, log);
  const metrics = new HttpMetrics(commands, () => streams.size);
  const app = openServer({ limits, log, hosts, metrics });
  app.addHook("preClose", async () => streams.close());
  app.addHook("onClose", async () => metrics.close());
  const openApi = await collectOpenApi(app, version);
  addRoutes(app, routeTable({ commands, reader, limits, streams, metrics, openApi }));
  await app.ready();
  return app;
}
