/** Everything that passed between a worker and its orchestrator, in order; and a way to wait for what has not come yet. */
import type { Message } from "./message.ts";

/** Something other than a message. */
export interface Notice {
  readonly at: number;
  readonly connection: number;
  readonly kind: "connected" | "subscribed" | "unsubscribed" | "ping" | "closed";
  readonly socket: "steps" | "results";
  /** Of a subscription. */
  readonly topic: string;
}

export class Recording {
  readonly messages: Message[] = [];
  readonly notices: Notice[] = [];
  readonly #waiting = new Set<() => void>();

  add(message: Message): void {
    this.messages.push(message);
    this.#wake();
  }

  note(notice: Notice): void {
    this.notices.push(notice);
    this.#wake();
  }

  /** Waits until `find` finds something. @returns undefined when it has not within `ms` */
  async until<T>(find: () => T | undefined, ms: number): Promise<T | undefined> {
    const found = find();
    if (found !== undefined) return found;
    return await new Promise((resolve) => {
      const end = (value: T | undefined) => {
        this.#waiting.delete(look);
        clearTimeout(timer);
        resolve(value);
      };
      const look = () => {
        const value = find();
        if (value !== undefined) end(value);
      };
      const timer = setTimeout(() => end(undefined), ms);
      this.#waiting.add(look);
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}
