/** `@tasker/server`: the orchestrator as a process, its configuration, and the engine's ports to this machine. */
export { type AppliedTemplate, templateFiles } from "./apply-templates.ts";
export { type RunningServer, startServer, version } from "./compose.ts";
export * from "./config.ts";
export { type LogLevel, openLog } from "./log.ts";
export { eventLoopScheduler, machineClock, machineRandom } from "./platform.ts";
