/** The API over the fake orchestrator, closed after the test. */
import { RecordingLog } from "@tasker/testkit";
import type { InjectOptions } from "fastify";
import { onTestFinished } from "vitest";
import { createHttpApi, type HttpApiOptions } from "../index.ts";
import { FakeOrchestrator } from "./fake-orchestrator.ts";

export async function startApi(options: Partial<Pick<HttpApiOptions, "limits" | "hosts">> = {}) {
  const orchestrator = new FakeOrchestrator();
  const log = new RecordingLog();
  const { commands, reader } = orchestrator;
  const app = await createHttpApi({ commands, reader, log, version: "1.2.3", ...options });
  onTestFinished(() => app.close());

  const send = (method: "GET" | "POST" | "PUT", url: string, payload?: string | Buffer, contentType?: string) => {
    const headers = payload === undefined ? {} : { "content-type": contentType ?? "application/json" };
    return app.inject({ method, url, headers, ...(payload !== undefined && { payload }) } satisfies InjectOptions);
  };
  return {
    app,
    orchestrator,
    log,
    get: (url: string) => send("GET", url),
    post: (url: string, payload?: string | Buffer, contentType?: string) => send("POST", url, payload, contentType),
    put: (url: string, payload?: string | Buffer, contentType = "application/yaml") =>
      send("PUT", url, payload, contentType),
    /** The URL of a real socket. */
    listen: () => app.listen({ host: "127.0.0.1", port: 0 }),
  };
}



export function order(members: Record<string, unknown> = {}): Record<string, unknown> {
  return { namespace: "shop", name: "order", ...members };
}
