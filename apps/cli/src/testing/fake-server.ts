/** An HTTP server that answers what a test tells it to, and keeps what it was asked. */
import type { ServerResponse } from "node:http";
import Fastify, { type FastifyInstance } from "fastify";

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A function answers a stream: it writes to the response, as long as it likes. */
type Told = Answer | string | ((response: ServerResponse, asked: Asked) => void);

export class FakeServer {
  readonly asked: Asked[] = [];
  url = "";
  readonly #app: FastifyInstance = Fastify();
  readonly #answers = new Map<string, Told[]>();

  /** @param route e.g. `GET /v1/tasks`, without a query. Several answers are given in turn, the last one again and again. */
  on(route: string, ...answers: Told[]): this {
    this.#answers.set(route, answers);
    return this;
  }

  async start(): Promise<this> {
    this.#app.removeAllContentTypeParsers();
    this.#app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
    this.#app.all("/*", (request, reply) => {
      const asked = {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: (request.body as string | undefined) ?? "",
      };
      this.asked.push(asked);
      const told = this.#next(`${request.method} ${request.url.split("?")[0]}`);
      if (typeof told === "function") {
        reply.hijack();
        reply.raw.writeHead(200, { "content-type": "text/event-stream" });
        told(reply.raw, asked);
        return;
      }
      const { status = 200, headers = {}, body } = typeof told === "string" ? { body: told } : told;
      void reply
        .code(status)
        .headers({ "content-type": "application/json", ...headers })
        .send(body);
    });
    this.url = await this.#app.listen({ host: "127.0.0.1", port: 0 });
    return this;
  }

  /** What was asked of this route. */
  askedOf(route: string): Asked[] {
    return this.asked.filter(({ method, url }) => `${method} ${url.split("?")[0]}` === route);
  }

  async close(): Promise<void> {
    this.#app.server.closeAllConnections();
    await this.#app.close();
  }

  #next(route: string): Told {
    const answers = this.#answers.get(route);
    if (answers === undefined) return problem(404, "route_not_found", `no test answers ${route}`);
    return answers.length > 1 ? answers.shift()! : answers[0]!;
  }
}

export function problem(status: number, code: string, detail: string, more: Record<string, unknown> = {}): Answer {
  const body = {
    type: `urn:tasker:problem:${code}`,
    title: "A title",
    status,
    detail,
    code,
    hint: "A hint.",
    issues: [],
    ...more,
  };
  return { status, headers: { "content-type": "application/problem+json" }, body: JSON.stringify(body) };
}

/** One event of a stream. */
export function frame(event: { readonly seq: number }): string {
  return `id: ${event.seq}\nevent: transition\ndata: ${JSON.stringify(event)}\n\n`;
}

export const endFrame = 'event: end\ndata: {"status":"completed"}\n\n';
