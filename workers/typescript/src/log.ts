/** Structured logs: JSON lines on stderr unless the program brings a logger of its own. */

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export type LogFields = Record<string, string | number | boolean | null | undefined | readonly string[]>;

/** `event` is a stable name such as `step.failed`; what varies is in `fields`. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** One JSON line for each event: `{"at", "level", "event", ...fields}`. */
export function jsonLinesLogger(write: (line: string) => void = (line) => process.stderr.write(line)): Logger {
  const log = (level: LogLevel) => (event: string, fields?: LogFields) => {
    write(`${JSON.stringify({ at: new Date().toISOString(), level, event, ...fields })}\n`);
  };
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

/** Passes on what is at least as grave as `level`. */
export function filterLog(logger: Logger, level: LogLevel): Logger {
  const from = logLevels.indexOf(level);
  const pass = (name: Exclude<LogLevel, "silent">) =>
    logLevels.indexOf(name) < from ? () => {} : (event: string, fields?: LogFields) => logger[name](event, fields);
  return { debug: pass("debug"), info: pass("info"), warn: pass("warn"), error: pass("error") };
}

/** Adds `fields` to every event. */
export function withFields(logger: Logger, fields: LogFields): Logger {
  return {
    debug: (event, more) => logger.debug(event, { ...fields, ...more }),
    info: (event, more) => logger.info(event, { ...fields, ...more }),
    warn: (event, more) => logger.warn(event, { ...fields, ...more }),
    error: (event, more) => logger.error(event, { ...fields, ...more }),
  };
}
