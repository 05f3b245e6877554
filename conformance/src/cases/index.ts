/** Every case, in the order of the report. */
import type { Case } from "../case.ts";
import { cancelCases } from "./cancel.ts";
import { checkpointCases } from "./checkpoints.ts";
import { drainCases } from "./drain.ts";
import { failureCases } from "./failures.ts";
import { heartbeatCases } from "./heartbeats.ts";
import { helloCases } from "./hello.ts";
import { leaseCases } from "./leases.ts";
import { malformedCases } from "./malformed.ts";
import { msgpackCases } from "./msgpack.ts";
import { payloadCases } from "./payloads.ts";
import { restartCases } from "./restart.ts";
import { resultCases } from "./results.ts";
import { sessionCases } from "./session.ts";
import { timeoutCases } from "./timeouts.ts";

export const cases: readonly Case[] = [
  ...helloCases,
  ...sessionCases,
  ...heartbeatCases,
  ...leaseCases,
  ...resultCases,
  ...timeoutCases,
  ...cancelCases,
  ...drainCases,
  ...restartCases,
  ...failureCases,
  ...payloadCases,
  ...malformedCases,
  ...checkpointCases,
  ...msgpackCases,
];
