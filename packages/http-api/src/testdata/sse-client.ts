/** A client of server-sent events over a real socket, which can stop reading. */
import { get, type IncomingMessage } from "node:http";

export interface ServerEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string | undefined;
  readonly comment: string | undefined;
}

export class SseClient {
  readonly response: IncomingMessage;
  readonly all: ServerEvent[] = [];
  #text = "";
  #closed = false;
  #wake: () => void = () => {};

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#take(text));
    response.on("error", () => {});
    response.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static open(url: string, headers: Record<string, string> = {}): Promise<SseClient> {
    return new Promise((resolve, reject) => {
      get(url, { headers, agent: false }, (response) => resolve(new SseClient(response))).on("error", reject);
    });
  }

  get transitions(): { readonly seq: number; readonly to: string }[] {
    return this.all.filter(({ event }) => event === "transition").map(({ data }) => JSON.parse(data!));
  }

  get seqs(): number[] {
    return this.transitions.map(({ seq }) => seq);
  }

  /** Waits until this holds or the server has closed. */
  async until(holds: (client: SseClient) => boolean): Promise<void> {
    while (!holds(this)) {
      if (this.#closed) throw new Error(`closed after ${JSON.stringify(this.all.slice(-3))}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async closed(): Promise<void> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.response.destroy();
  }

  #take(text: string): void {
    const blocks = (this.#text + text).split("\n\n");
    this.#text = blocks.pop()!;
    for (const block of blocks) this.all.push(parseBlock(block));
    this.#wake();
  }
}

function parseBlock(block: string): ServerEvent {
  const field = (name: string) =>
    block
      .split("\n")
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  return { id: field("id"), event: field("event"), data: field("data"), comment: field("") };
}
