/** `@tasker/http-api`: what programs speak to. `createHttpApi` joins the two ports to a fastify server. */
export { createHttpApi, type HttpApiOptions } from "./app.ts";
export { defaultHttpLimits, type HttpLimits } from "./limits.ts";
export type {
  Commands,
  EngineReadings,
  JsonText,
  PeerCounts,
  Reader,
  Readiness,
  ServedHandlers,
  SubmitOutcome,
  TaskFilter,
  TemplateName,
  WorkerView,
} from "./ports.ts";
export { type ProblemCode, type ProblemType, problemTypes } from "./problem.ts";
export type { ServedHosts } from "./request/same-site.ts";
