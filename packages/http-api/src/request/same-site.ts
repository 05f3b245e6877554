/**
 * Keeps web pages away from an API that trusts its network: a page of another origin cannot post to it, and a page whose
 * name was pointed at this machine (DNS rebinding) is refused by the name it asks for. Programs send neither header.
 */
import type { IncomingHttpHeaders } from "node:http";
import { HttpError } from "../problem.ts";

/** Host names that are served, without ports; "any" where something in front checks them. Loopback always is. */
export type ServedHosts = readonly string[] | "any";

/** @throws HttpError `host_refused` */
export function assertServedHost(host: string | undefined, served: ServedHosts): void {
  if (served === "any") return;
  const name = hostName(host ?? "");
  if (isLoopback(name) || served.some((other) => other.toLowerCase() === name)) return;
  throw new HttpError(
    "host_refused",
    `the host ${JSON.stringify(host ?? "")} is not served here`,
    "Use the URL that the server printed, or add the name to the hosts that it serves.",
  );
}

/** @throws HttpError `origin_refused` for what a browser sends on behalf of another origin; following a link is fine */
export function assertSameOrigin(method: string, headers: IncomingHttpHeaders): void {
  const { origin, host, "sec-fetch-site": site = "none", "sec-fetch-mode": mode } = headers;
  const isForeign = origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
  const isLink = mode === "navigate" && (method === "GET" || method === "HEAD");
  if (!isForeign && (site === "none" || site === "same-origin" || isLink)) return;
  throw new HttpError(
    "origin_refused",
    `a browser sent this for another site${origin === undefined ? "" : `, ${origin}`}`,
    "Call the API from a program, or from a page of its own origin.",
  );
}

function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](:\d+)?$/.exec(host);
  const name = bracketed === null ? host.replace(/:\d*$/, "") : bracketed[1]!;
  return name.toLowerCase().replace(/\.$/, "");
}

function isLoopback(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127\.\d+\.\d+\.\d+$/.test(name);
}
