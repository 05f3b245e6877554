/** A Redis server for one benchmark run, with an append-only file. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, type Service, startServer, stopProcess } from "./service.ts";

/** `everysec` may lose the last second; `always` syncs before it answers. @throws Error when Redis is not installed */
export async function startRedis(folder: string, appendfsync: "everysec" | "always"): Promise<Service> {
  const port = await freePort();
  const dir = join(folder, "redis");
  mkdirSync(dir);
  const settings = {
    bind: "127.0.0.1",
    port: String(port),
    dir,
    save: "",
    appendonly: "yes",
    appendfsync,
    "maxmemory-policy": "noeviction",
    loglevel: "warning",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = await startServer("redis-server", flags, port);
  return { url: `redis://127.0.0.1:${port}`, stop: () => stopProcess(server) };
}
