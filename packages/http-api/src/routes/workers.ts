/** The workers that are connected now. */
import { type Parts, type Route, sendJson } from "../route.ts";
import { pageOf, reference } from "../schemas/responses.ts";

export function listWorkers({ commands }: Parts): Route {
  return {
    operationId: "listWorkers",
    summary: "Connected workers",
    tag: "workers",
    answers: { 200: { description: "All, in one page.", schema: pageOf(reference("Worker")) } },
    problems: [],
    handler: async (_request, reply) => {
      const items = commands.workers().map((worker) => ({
        ...worker,
        connected_at: new Date(worker.connected_at).toISOString(),
      }));
      return sendJson(reply, 200, JSON.stringify({ items, next_cursor: null }));
    },
  };
}
