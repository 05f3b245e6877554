/** Makes fastify routes of the route table, and answers 405 for the methods that a path does not take. */
import type { FastifyInstance } from "fastify";
import { HttpError } from "./problem.ts";
import { validatorFor } from "./request/validate.ts";
import { documented, type Route } from "./route.ts";
import { noQuerySchema } from "./schemas/requests.ts";

export type RouteTable = readonly (readonly [method: "GET" | "POST" | "PUT", path: string, route: Route])[];

export function addRoutes(app: FastifyInstance, table: RouteTable): void {
  for (const [method, url, route] of table) {
    app.route({
      method,
      url,
      schema: { querystring: noQuerySchema, ...documented(route) },
      validatorCompiler: validatorFor(route) as never,
      ...(route.bodyLimit !== undefined && { bodyLimit: route.bodyLimit }),
      ...(route.links !== undefined && { links: route.links }),
      exposeHeadRoute: method === "GET" && route.isStream !== true,
      handler: route.handler,
    });
  }
  const paths = Map.groupBy(table, ([, url]) => url);
  for (const [url, routes] of paths) {
    const taken = routes.map(([method]) => method);
    refuseOtherMethods(app, url, taken);
  }
}

/** A path that exists answers 405 to the methods that it does not take, before any body is read. */
function refuseOtherMethods(app: FastifyInstance, url: string, taken: readonly string[]): void {
  const others = app.supportedMethods.filter((method) => !app.hasRoute({ method, url }));
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
