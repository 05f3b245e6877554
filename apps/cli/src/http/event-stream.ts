/** Reads server-sent events (WHATWG HTML, 9.2) from chunks of text. */

export interface ServerSentEvent {
  /** `message` when the stream names none. */
  readonly type: string;
  /** The last id that the stream gave, or null. */
  readonly id: string | null;
  readonly data: string;
}

/** Takes chunks as they come and answers with the events that they complete. */
export class EventStreamReader {
  #rest = "";
  #type = "";
  #id: string | null = null;
  #data: string[] = [];

  push(chunk: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    const text = this.#rest + chunk;
    // A CR at the end may be the first half of a CRLF: wait for what follows.
    const end = text.endsWith("\r") ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = lines.pop()! + text.slice(end);
    for (const line of lines) {
      const event = this.#line(line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerSentEvent | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }

  #dispatch(): ServerSentEvent | null {
    const event = { type: this.#type || "message", id: this.#id, data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#type = "";
    this.#data = [];
    return empty ? null : event;
  }
}
