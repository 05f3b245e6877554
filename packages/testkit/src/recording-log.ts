/** A log for tests: keeps what was said. */
import type { Log, LogFields } from "@tasker/engine";

export class RecordingLog implements Log {
  readonly lines: { readonly level: string; readonly event: string; readonly fields: LogFields | undefined }[] = [];

  debug(event: string, fields?: LogFields): void {
    this.lines.push({ level: "debug", event, fields });
  }
  info(event: string, fields?: LogFields): void {
    this.lines.push({ level: "info", event, fields });
  }
  warn(event: string, fields?: LogFields): void {
    this.lines.push({ level: "warn", event, fields });
  }
  error(event: string, fields?: LogFields): void {
    this.lines.push({ level: "error", event, fields });
  }
}
