export * from "./zeromq/config.ts";
export { ZeromqCounters } from "./zeromq/counters.ts";
export { startZeromqExecutor, type ZeromqExecutor, type ZeromqExecutorPorts } from "./zeromq/executor.ts";
export { Roster, type RosterPorts } from "./zeromq/roster.ts";
export type { Wire, WireEvents } from "./zeromq/wire.ts";
