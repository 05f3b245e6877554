/**
 * Talks HTTP to a running orchestrator. Answers are text, exactly as they came: a command that prints JSON prints what the
 * server sent. Every failure is a `CommandError` with the exit code that it stands for.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { CommandError, usageError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { problemError } from "./problem.ts";

export const defaultUrl = "http://127.0.0.1:8480";

/** A server that accepts a connection but says nothing for this long is not waited for. */
const answerTimeoutMs = 60_000;

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface RequestBody {
  readonly text: string;
  readonly contentType: string;
}

export class ServerClient {
  readonly url: URL;

  /** @throws CommandError when it is no HTTP URL */
  constructor(url: string, setting: string) {
    if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
      throw usageError(`${setting}: ${JSON.stringify(url)} is not an HTTP URL`, `Write it like ${defaultUrl}.`);
    }
    this.url = new URL(url.endsWith("/") ? url : `${url}/`);
  }

  /** @param path without a leading slash, its parts encoded (`path`) */
  async get(path: string, signal?: AbortSignal): Promise<Answer> {
    return this.send("GET", path, null, signal);
  }

  /** @throws CommandError for whatever is no success: the server's problem, or that there is none to talk to */
  async send(method: string, path: string, body: RequestBody | null, signal?: AbortSignal): Promise<Answer> {
    const response = await this.#open(method, path, body, { accept: "application/json" }, signal);
    const text = await this.#read(response, signal);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw problemError({ status, text }, response.headers["retry-after"] ?? null);
    return { status, text };
  }

  /** An event stream, from its answer on. @throws as `send` does */
  async openStream(path: string, lastEventId: string | null, signal: AbortSignal): Promise<IncomingMessage> {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (lastEventId !== null) headers["last-event-id"] = lastEventId;
    const response = await this.#open("GET", path, null, headers, signal);
    const status = response.statusCode ?? 0;
    if (status === 200) return response;
    const text = await this.#read(response, signal);
    throw problemError({ status, text }, response.headers["retry-after"] ?? null);
  }

  #open(
    method: string,
    path: string,
    body: RequestBody | null,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const target = new URL(path, this.url);
    const all: Record<string, string | number> = { ...headers };
    if (body !== null) {
      all["content-type"] = body.contentType;
      all["content-length"] = Buffer.byteLength(body.text);
    }
    return new Promise((resolve, reject) => {
      const open = target.protocol === "https:" ? httpsRequest : httpRequest;
      // No keep-alive: an idle connection would keep the command from ending.
      const request: ClientRequest = open(target, { method, headers: all, agent: false, ...(signal && { signal }) });
      request.setTimeout(answerTimeoutMs, () =>
        request.destroy(new Error(`no answer within ${answerTimeoutMs / 1000} s`)),
      );
      request.once("response", (response) => {
        request.setTimeout(0);
        resolve(response);
      });
      request.once("error", (error) => reject(this.#failure(error, signal)));
      request.end(body?.text);
    });
  }

  async #read(response: IncomingMessage, signal: AbortSignal | undefined): Promise<string> {
    response.setEncoding("utf8");
    const parts: string[] = [];
    try {
      for await (const part of response) parts.push(part as string);
    } catch (error) {
      throw this.#failure(error as Error, signal);
    }
    return parts.join("");
  }

  /** What a failed connection means for the command. */
  #failure(error: Error & { code?: string }, signal: AbortSignal | undefined): Error {
    if (signal?.aborted) return signal.reason as Error;
    return new CommandError(
      exitCodes.unreachable,
      `cannot reach the server at ${this.url.origin}: ${reasonOf(error)}`,
      {
        hint: "Start one with `tasker dev` or `tasker server`, or point TASKER_URL at the one that runs.",
      },
    );
  }
}

function reasonOf(error: Error & { code?: string; errors?: readonly Error[] }): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "nothing listens there";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "its host name is not known";
    case "ECONNRESET":
      return "the connection was cut";
    default:
      return error.message || error.code || "the connection failed";
  }
}

/** The path of a resource; every part is encoded. */
export function path(...parts: readonly string[]): string {
  return `v1/${parts.map(encodeURIComponent).join("/")}`;
}

/** `?a=1&b=2` of what is given; empty for nothing. */
export function query(parameters: Readonly<Record<string, string | number | null | undefined>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (given.length === 0) return "";
  return `?${given.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`).join("&")}`;
}
