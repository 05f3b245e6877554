/** Every wrong worker. */
import type { Wrong } from "../wrong.ts";
import { wrongPayloads } from "./payloads.ts";
import { wrongResults } from "./results.ts";
import { wrongSessions } from "./sessions.ts";
import { wrongSteps } from "./steps.ts";

export const wrongs: readonly Wrong[] = [...wrongResults, ...wrongSessions, ...wrongSteps, ...wrongPayloads];
