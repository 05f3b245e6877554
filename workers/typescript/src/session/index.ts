/** The session by itself, for whoever drives it with other sockets and another clock than the worker does. */
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
