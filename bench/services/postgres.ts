/** A PostgreSQL server for one benchmark run, as durable as it comes: fsync on, synchronous commits. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { freePort, type Service, startServer, stopProcess } from "./service.ts";

/** @throws Error when PostgreSQL is not installed */
export async function startPostgres(folder: string): Promise<Service> {
  const bin = binaries();
  const owner = unprivileged();
  const data = join(folder, "postgres");
  mkdirSync(data, { mode: 0o700 });
  if (owner !== undefined) {
    chmodSync(folder, 0o711);
    chownSync(data, owner.uid, owner.gid);
  }
  const initdb = ["--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-locale"];
  execFileSync(join(bin, "initdb"), initdb, { ...owner, cwd: data, stdio: ["ignore", "ignore", "inherit"] });
  const port = await freePort();
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: "on",
    synchronous_commit: "on",
    shared_buffers: "1GB",
    max_connections: "300",
    max_wal_size: "8GB",
    checkpoint_timeout: "30min",
    log_min_messages: "fatal",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = await startServer(join(bin, "postgres"), ["-D", data, ...flags], port, { ...owner, cwd: data });
  await untilReady(bin, port);
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop: () => stopProcess(server, "SIGINT") };
}

/** It listens before it takes clients. */
async function untilReady(bin: string, port: number): Promise<void> {
  const args = ["--host", "127.0.0.1", "--port", String(port), "--username", "postgres", "--quiet"];
  while (spawnSync(join(bin, "pg_isready"), args).status !== 0) await wait(100);
}

/** Debian keeps the server's programs out of PATH, by major version. */
function binaries(): string {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const bin = versions
    .map((version) => join(root, version, "bin"))
    .find((folder) => existsSync(join(folder, "initdb")));
  if (bin === undefined) throw new Error("PostgreSQL is not installed: apt-get install postgresql");
  return bin;
}

/** The server refuses to run as root; its package has made a user for it. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}
