/** Publishing in the thread that commits: for programs without threads of their own, and for the simulation. */
import { StoreError } from "@tasker/engine";
import type { PackedList } from "@tasker/json";
import type { Publisher } from "./publisher.ts";
import type { Publishing, PublishingEvents } from "./sqlite-store.ts";

export class InlinePublishing implements Publishing {
  readonly #publisher: Publisher;
  readonly #events: PublishingEvents;

  constructor(publisher: Publisher, events: PublishingEvents) {
    this.#publisher = publisher;
    this.#events = events;
  }

  take(turn: number, packed: PackedList): void {
    this.#publisher.take(turn, packed);
    if (this.#publisher.isDue) this.progress();
  }

  publish(durable: boolean): void {
    try {
      this.#events.published(this.#publisher.publish(durable), durable);
      this.#events.failed(null);
    } catch (error) {
      if (error instanceof StoreError) this.#events.failed(error);
      throw error;
    }
  }

  progress(): void {
    try {
      this.publish(false);
    } catch {
      // The turns are durable all the same; `failed` has been told.
    }
  }

  close(): void {
    this.#publisher.close();
  }
}
