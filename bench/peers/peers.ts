/** Who is compared. */
import { bullmq, bullmqAlways } from "./bullmq/peer.ts";
import { dbos } from "./dbos/peer.ts";
import { graphileWorker } from "./graphile-worker/peer.ts";
import type { PeerKind } from "./peer.ts";
import { pgBoss } from "./pg-boss/peer.ts";
import { restate } from "./restate/peer.ts";
import { tasker } from "./tasker/peer.ts";
import { temporal, temporalIsBuilt } from "./temporal/peer.ts";

export const peers: readonly PeerKind[] = [
  tasker,
  bullmq,
  bullmqAlways,
  restate,
  dbos,
  pgBoss,
  graphileWorker,
  ...(temporalIsBuilt ? [temporal] : []),
];
