/** Structured logs as JSON lines on stderr, so that stdout stays free for data. */
import type { Log } from "@tasker/engine";
import { destination, pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export function openLog(level: LogLevel): Log {
  const formatters = { level: (level: string) => ({ level }) };
  const logger = pino(
    { level, formatters, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ dest: 2, sync: true }),
  );
  return {
    debug: (event, fields) => logger.debug({ event, ...fields }),
    info: (event, fields) => logger.info({ event, ...fields }),
    warn: (event, fields) => logger.warn({ event, ...fields }),
    error: (event, fields) => logger.error({ event, ...fields }),
  };
}
