/**
 * Finds out which of several peers left. When a peer dies, XPUB reports the topic that it had asked for, and peers that
 * share a topic (plain 1.0 workers, all on `steps`) cannot be told apart by it. But each was granted a prefix of its own, so
 * the prefix that nobody has any more belongs to the one that is gone.
 *
 * libzmq grants only to the peer whose subscription was received last, so the probe is a peer itself: it subscribes to
 * a secret topic, and when that arrives it is granted each prefix for a moment. If the number of distinct prefixes
 * grows, nobody else had it. No peer notices anything.
 */
import { Subscriber } from "zeromq";

/** What the probe needs of the XPUB. */
export interface GrantingPublisher {
  bind(endpoint: string): Promise<void>;
  grant(prefix: string): void;
  withdraw(prefix: string): void;
  /** How many distinct prefixes were granted. Drifts when peers die; only differences mean something. */
  topicCount(): number;
}

export class SharedTopicProbe {
  readonly #publisher: GrantingPublisher;
  readonly #question: string;
  readonly #endpoint: string;
  readonly #peer = new Subscriber({ linger: 0 });
  /** Prefixes granted in place of a topic, by that topic. */
  readonly #prefixes = new Map<string, Set<string>>();
  #asking = false;

  constructor(publisher: GrantingPublisher, secret: string) {
    this.#publisher = publisher;
    this.#question = `?${secret}`;
    this.#endpoint = `inproc://probe-${secret}`;
  }

  /** @throws Error when this libzmq was built without its draft API, which counts topics */
  async open(): Promise<void> {
    this.#publisher.topicCount();
    await this.#publisher.bind(this.#endpoint);
    this.#peer.connect(this.#endpoint);
  }

  close(): void {
    this.#peer.close();
  }

  /** A peer asked for `topic` and was granted `prefix`. */
  granted(topic: string, prefix: string): void {
    const prefixes = this.#prefixes.get(topic);
    if (prefixes === undefined) this.#prefixes.set(topic, new Set([prefix]));
    else prefixes.add(prefix);
  }

  isShared(topic: string): boolean {
    return this.#prefixes.has(topic);
  }

  /** One of the peers that share `topic` left. Which one is known when the question arrives. */
  ask(topic: string): void {
    // It may have unsubscribed and stayed connected: then it is the peer to take prefixes from, and has just one.
    for (const prefix of this.#prefixes.get(topic)!) this.#publisher.withdraw(prefix);
    if (this.#asking) return;
    this.#asking = true;
    this.#peer.subscribe(this.#question);
  }

  isQuestion(topic: string): boolean {
    return topic === this.#question;
  }

  /** The question arrived. @returns the prefixes that nobody has any more, which are then forgotten */
  answer(): string[] {
    this.#asking = false;
    this.#peer.unsubscribe(this.#question);
    const abandoned: string[] = [];
    for (const [topic, prefixes] of this.#prefixes) {
      for (const prefix of prefixes) {
        if (!this.#isAbandoned(prefix)) continue;
        prefixes.delete(prefix);
        abandoned.push(prefix);
      }
      if (prefixes.size === 0) this.#prefixes.delete(topic);
    }
    return abandoned;
  }

  #isAbandoned(prefix: string): boolean {
    const before = this.#publisher.topicCount();
    this.#publisher.grant(prefix);
    const grown = this.#publisher.topicCount() > before;
    this.#publisher.withdraw(prefix);
    return grown;
  }
}
