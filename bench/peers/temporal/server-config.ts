/** The server's configuration: that of Temporal's own `development-sqlite-file.yaml`, on other ports and with no archive. */
import { join } from "node:path";

export const namespace = "bench";
export const taskQueue = "bench";

export interface Ports {
  readonly frontend: number;
  readonly http: number;
  readonly others: readonly number[];
}

/** JSON is YAML. */
export function serverConfig(folder: string, { frontend, http, others }: Ports): object {
  const [matching, history, worker, ...members] = others;
  const store = {
    sql: {
      pluginName: "sqlite",
      databaseName: join(folder, "temporal.db"),
      connectAddr: "localhost",
      connectProtocol: "tcp",
      connectAttributes: { cache: "private", setup: true, journal_mode: "wal", synchronous: 2 },
      maxConns: 1,
      maxIdleConns: 1,
      maxConnLifetime: "1h",
    },
  };
  const service = (grpcPort: number, membershipPort: number, rest = {}) => ({
    rpc: { grpcPort, membershipPort, bindOnLocalHost: true, ...rest },
  });
  const frontendAddress = `127.0.0.1:${frontend}`;
  return {
    log: { stdout: true, level: "error" },
    persistence: {
      defaultStore: "sqlite-default",
      visibilityStore: "sqlite-default",
      numHistoryShards: 1,
      datastores: { "sqlite-default": store },
    },
    global: { membership: { maxJoinDuration: "30s", broadcastAddress: "127.0.0.1" } },
    services: {
      frontend: service(frontend, members[0]!, { httpPort: http }),
      matching: service(matching!, members[1]!),
      history: service(history!, members[2]!),
      worker: service(worker!, members[3]!),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: "active",
      currentClusterName: "active",
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: "frontend",
          rpcAddress: frontendAddress,
          httpAddress: `127.0.0.1:${http}`,
        },
      },
    },
    publicClient: { hostPort: frontendAddress },
    dcRedirectionPolicy: { policy: "noop" },
    archival: { history: { state: "disabled" }, visibility: { state: "disabled" } },
    namespaceDefaults: { archival: { history: { state: "disabled" }, visibility: { state: "disabled" } } },
  };
}
