/** The session by itself, for whoever drives it with other sockets, another clock or other threads than the worker does. */
export { packOutcomes, packSteps, unpackOutcomes, unpackSteps } from "./packed-lists.ts";
export type {
  Outcome,
  SessionClock,
  SessionEvents,
  SessionPorts,
  SessionRandom,
  SessionWire,
  StepRequest,
  WorkerTerms,
} from "./ports.ts";
export { Session, type SessionState } from "./session.ts";
