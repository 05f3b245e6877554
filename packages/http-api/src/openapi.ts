/** The OpenAPI 3.1 document, made from the schemas that check the requests. */
import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { responseSchemas } from "./schemas/responses.ts";

/**
 * Collects every route that is added after this.
 * @returns the document as JSON, once all routes are there
 */
export async function collectOpenApi(app: FastifyInstance, version: string): Promise<() => string> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Tasker",
        version,
        description:
          "Durable DAGs of steps, run by workers in any language. Every error is an RFC 9457 problem with a stable `code`.",
        license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
      },
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `schema-${index}`) },
  });
  for (const schema of responseSchemas) app.addSchema(schema);
  let document: string | null = null;
  return () => {
    document ??= JSON.stringify(app.swagger());
    return document;
  };
}
