/**
 * The line between what is decided and what does it: sessions and slots send through a `Wire` and are told by
 * `WireEvents`. Real sockets implement it in `sockets.ts`; a simulation puts a faulty network in their place.
 */

import type { Frame } from "@tasker/protocol";

export interface Wire {
  /**
   * Publishes one frame, topic included, at once and without waiting. `refused` is called soon, never inside the call,
   * when a subscriber's queue is full: then nobody got the frame. A frame that nobody subscribes to is silently lost.
   */
  send(frame: Frame, refused: () => void): void;
}

export interface WireEvents {
  /** One frame from a worker, topic included. */
  frameArrived(frame: Uint8Array): void;
  /**
   * A peer asks for a topic. It gets what starts with the prefix that is granted, from the moment of the call on;
   * without a call it gets nothing. `grant` works only until `subscriptionJoined` returns.
   */
  subscriptionJoined(topic: string, grant: (prefix: string) => void): void;
  /** A peer that was granted this prefix left or died. Called once for every grant. */
  subscriptionLeft(prefix: string): void;
}
