/** Every case, in the order of the fault table. */
import type { Case } from "../scene.ts";
import { deafWorker, doubledAndReordered, halfOpen, packetLoss, partition, resultsLost } from "./network.ts";
import { killedAnyInstant, killedBeforeCommit, killedBeforeSend, killedInRecovery } from "./orchestrator-killed.ts";
import { cancelAndCompletion, clockJumps, mixedVersions, orderlyStops, resultAndTimeout } from "./races.ts";
import { corruptDatabase, fsyncFails, fullDisk, migrationKilled, powerLoss, secondOrchestrator } from "./storage.ts";
import {
  handlerBlocks,
  orchestratorStopped,
  poisonStep,
  sameWorkerId,
  sentToTheDead,
  slowWorker,
  workerKilled,
  workerStopped,
} from "./worker-lost.ts";

export const allCases: readonly Case[] = [
  killedAnyInstant,
  killedBeforeSend,
  killedBeforeCommit,
  killedInRecovery,
  powerLoss,
  fsyncFails,
  fullDisk,
  corruptDatabase,
  migrationKilled,
  secondOrchestrator,
  workerKilled,
  workerStopped,
  handlerBlocks,
  orchestratorStopped,
  poisonStep,
  deafWorker,
  halfOpen,
  partition,
  packetLoss,
  doubledAndReordered,
  resultsLost,
  sameWorkerId,
  sentToTheDead,
  slowWorker,
  resultAndTimeout,
  cancelAndCompletion,
  clockJumps,
  orderlyStops,
  mixedVersions,
];
