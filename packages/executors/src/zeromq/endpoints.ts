/** Where sockets are bound or connected: what is legal, and what would let strangers in. */
import { TaskerError } from "@tasker/engine";

export interface Endpoint {
  readonly text: string;
  readonly transport: "ipc" | "tcp" | "inproc";
  /** The file of an ipc endpoint; null for the others. */
  readonly path: string | null;
}

/** The longest path that fits into a socket address (`sun_path`), less its final zero. */
const maxPathBytes = 107;

/**
 * @param setting the name of the setting it came from, for the message
 * @throws TaskerError `endpoint_unusable`
 */
export function readEndpoint(text: string, setting: string, allowInsecureTcp: boolean): Endpoint {
  const [transport, address = ""] = split(text);
  switch (transport) {
    case "ipc":
      checkPath(text, address, setting, allowInsecureTcp);
      return { text, transport, path: address.startsWith("@") ? null : address };
    case "tcp":
      checkTcp(text, address, setting, allowInsecureTcp);
      return { text, transport, path: null };
    case "inproc":
      if (address !== "") return { text, transport, path: null };
      throw unusable(`${setting}: ${text} has no name`, "Give it one, e.g. inproc://steps.");
    default:
      throw unusable(
        `${setting}: ${JSON.stringify(text)} is not an endpoint`,
        "Use ipc://PATH, tcp://HOST:PORT or inproc://NAME.",
      );
  }
}

export function unusable(message: string, hint: string, cause?: unknown): TaskerError {
  return new TaskerError("endpoint_unusable", message, { hint, cause });
}

function split(text: string): [string, string?] {
  const at = text.indexOf("://");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 3)];
}

function checkPath(text: string, path: string, setting: string, allowInsecure: boolean): void {
  if (path === "")
    throw unusable(`${setting}: ${text} has no path`, "Give one, e.g. ipc:///var/run/tasker/steps.sock.");
  const bytes = Buffer.byteLength(path);
  if (bytes > maxPathBytes) {
    throw unusable(
      `${setting}: the path of ${text} has ${bytes} bytes; a socket's may have ${maxPathBytes}`,
      "Use a shorter path.",
    );
  }
  // A name in the abstract namespace has no file, so no permissions: everybody on the machine may connect.
  if (path.startsWith("@") && !allowInsecure) {
    throw unusable(`${setting}: every user of this machine can reach ${text}`, "Use the path of a file.");
  }
}

function checkTcp(text: string, address: string, setting: string, allowInsecure: boolean): void {
  const at = address.lastIndexOf(":");
  const host = address.slice(0, Math.max(at, 0));
  const port = address.slice(at + 1);
  if (at < 1 || !(port === "*" || (/^\d{1,5}$/.test(port) && Number(port) <= 65_535))) {
    throw unusable(`${setting}: ${text} is not tcp://HOST:PORT`, "Give a host and a port, e.g. tcp://127.0.0.1:5555.");
  }
  if (isLoopback(host) || allowInsecure) return;
  throw unusable(
    `${setting}: ${text} lets everybody who reaches this machine run steps and forge results`,
    `Use tcp://127.0.0.1:${port} or ipc, or set allow_insecure_tcp if the network itself is trusted.`,
  );
}

function isLoopback(host: string): boolean {
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) || host === "localhost" || host === "[::1]";
}
