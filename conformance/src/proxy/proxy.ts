/**
 * Sits between one worker and the orchestrator: a TCP listener for each of the worker's sockets, and for each of its
 * connections one to the orchestrator. It reads ZMTP frames, so that single messages can be lost, doubled, held back,
 * changed and put in, while connections, handshakes and subscriptions stay those of the two sides.
 */
import { type AddressInfo, createServer, connect as netConnect, type Server, type Socket } from "node:net";
import { type Fate, Message } from "./message.ts";
import { type Notice, Recording } from "./recording.ts";
import { readCommand, writeFrame, writeMessage, type ZmtpFrame, ZmtpReader } from "./zmtp.ts";

/** What to do with a message: undefined leaves it to the next rule. A buffer takes its place. */
export type Verdict = "pass" | "drop" | "hold" | "double" | Buffer | undefined;
export type Rule = (message: Message) => Verdict;

type SocketName = "steps" | "results";

/** One connection of the worker, and ours to the orchestrator for it. */
interface Link {
  readonly number: number;
  readonly socket: SocketName;
  readonly worker: Socket;
  readonly orchestrator: Socket;
  /** What its SUB subscribed to: the worker's on `steps`, the orchestrator's on `results`. */
  readonly topics: Set<string>;
  /** Directions in which nothing passes any more, as on a half-open connection. */
  readonly cut: Set<Message["origin"]["to"]>;
}

export class WireProxy {
  readonly recording = new Recording();
  readonly #servers: Server[] = [];
  readonly #links = new Set<Link>();
  readonly #rules = new Set<Rule>();
  #held: { link: Link; message: Message }[] = [];
  #connections = 0;
  #messages = 0;
  #target: Readonly<Record<SocketName, string>>;
  #ports: Record<SocketName, number> = { steps: 0, results: 0 };

  private constructor(target: Readonly<Record<SocketName, string>>) {
    this.#target = target;
  }

  /** @param target the orchestrator's endpoints, `ipc://PATH` */
  static async open(target: Readonly<Record<SocketName, string>>): Promise<WireProxy> {
    const proxy = new WireProxy(target);
    for (const socket of ["steps", "results"] as const) {
      const server = createServer({ noDelay: true }, (worker) => proxy.#accept(socket, worker));
      await new Promise<void>((resolve, reject) =>
        server.once("error", reject).listen(0, "127.0.0.1", () => resolve()),
      );
      proxy.#servers.push(server);
      proxy.#ports[socket] = (server.address() as AddressInfo).port;
    }
    return proxy;
  }

  /** Where the worker connects. */
  get endpoints(): Readonly<Record<SocketName, string>> {
    return { steps: `tcp://127.0.0.1:${this.#ports.steps}`, results: `tcp://127.0.0.1:${this.#ports.results}` };
  }

  /** Asks `rule` about every message from now on. The rule that came last is asked first. @returns ends it */
  rule(rule: Rule): () => void {
    this.#rules.add(rule);
    return () => {
      this.#rules.delete(rule);
    };
  }

  /**
   * Sends to the worker what the orchestrator did not.
   *
   * @param topic whom it is for: the connection that subscribed to it, or to its beginning, gets it
   * @throws Error when there is no such connection
   */
  inject(topic: string, parts: readonly Buffer[]): Message {
    const hears = ({ socket, topics }: Link) =>
      socket === "steps" && [...topics].some((subscribed) => `${topic} `.startsWith(subscribed));
    const link = [...this.#links].filter(hears).at(-1);
    if (link === undefined) throw new Error(`nobody is subscribed to ${topic} at this moment`);
    const message = this.#record(link, "worker", parts, "injected");
    link.worker.write(writeMessage(parts));
    return message;
  }

  /** Lets pass what was held back, in its order. */
  release(): void {
    for (const { link, message } of this.#held.splice(0))
      this.#send(link, message.origin.to, writeMessage(message.parts));
  }

  /** From now on nothing passes in this direction on the connections that there are; both sides believe them alive. */
  cut(to: Message["origin"]["to"]): void {
    for (const link of this.#links) link.cut.add(to);
  }

  /** Ends every connection there is, as a network does. */
  disconnect(): void {
    for (const link of this.#links) link.worker.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const { worker } of this.#links) worker.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  // ----------------------------------------------------------------------------------------------------- connections

  #accept(socket: SocketName, worker: Socket): void {
    const orchestrator = netConnect(this.#target[socket].slice("ipc://".length));
    const link: Link = { number: ++this.#connections, socket, worker, orchestrator, topics: new Set(), cut: new Set() };
    this.#links.add(link);
    this.#note(link, "connected");
    for (const [near, far] of [
      [worker, orchestrator],
      [orchestrator, worker],
    ] as const) {
      near.on("error", () => {});
      near.on("close", () => {
        far.destroy();
        if (this.#links.delete(link)) this.#note(link, "closed");
      });
    }
    this.#pump(link, "orchestrator", worker);
    this.#pump(link, "worker", orchestrator);
  }

  #pump(link: Link, to: Message["origin"]["to"], from: Socket): void {
    const reader = new ZmtpReader();
    let parts: Buffer[] = [];
    from.on("data", (chunk: Buffer) => {
      const { greeting, frames } = reader.push(chunk);
      if (greeting.length > 0) this.#send(link, to, greeting);
      for (const frame of frames) {
        if (frame.command) this.#takeCommand(link, to, frame);
        else {
          parts.push(frame.body);
          if (frame.more) continue;
          this.#takeMessage(link, to, parts);
          parts = [];
        }
      }
    });
  }

  #send(link: Link, to: Message["origin"]["to"], bytes: Buffer): void {
    if (!link.cut.has(to)) link[to].write(bytes);
  }

  #takeCommand(link: Link, to: Message["origin"]["to"], frame: ZmtpFrame): void {
    const { name, data } = readCommand(frame.body);
    if (name === "SUBSCRIBE") this.#subscribed(link, data.toString("utf8"), true);
    if (name === "CANCEL") this.#subscribed(link, data.toString("utf8"), false);
    if (name === "PING" && to === "orchestrator") this.#note(link, "ping");
    this.#send(link, to, writeFrame(frame));
  }

  #takeMessage(link: Link, to: Message["origin"]["to"], parts: Buffer[]): void {
    const first = parts[0]!;
    // Before ZMTP 3.1 a subscription is a message, and on a connection for steps the worker sends no other.
    const isSubscription = link.socket === "steps" ? to === "orchestrator" : to === "worker";
    if (isSubscription) {
      this.#subscribed(link, first.toString("utf8", 1), first[0] === 1);
      this.#send(link, to, writeMessage(parts));
      return;
    }
    const message = this.#record(link, to, parts, link.cut.has(to) ? "dropped" : "passed");
    if (message.fate === "passed") this.#judge(link, message);
    this.recording.add(message);
  }

  #judge(link: Link, message: Message): void {
    const verdict = [...this.#rules].reverse().reduce<Verdict>((found, rule) => found ?? rule(message), undefined);
    const { to } = message.origin;
    if (verdict === undefined || verdict === "pass") this.#send(link, to, writeMessage(message.parts));
    else if (verdict === "drop") message.fate = "dropped";
    else if (verdict === "hold") {
      message.fate = "held";
      this.#held.push({ link, message });
    } else if (verdict === "double") {
      message.fate = "doubled";
      const bytes = writeMessage(message.parts);
      this.#send(link, to, Buffer.concat([bytes, bytes]));
    } else {
      message.fate = "changed";
      this.#send(link, to, writeMessage([verdict]));
    }
  }

  // --------------------------------------------------------------------------------------------------------- records

  #record(link: Link, to: Message["origin"]["to"], parts: readonly Buffer[], fate: Fate): Message {
    const number = ++this.#messages;
    const message = new Message({ number, at: performance.now(), to, connection: link.number }, parts);
    message.fate = fate;
    if (fate === "injected") this.recording.add(message);
    return message;
  }

  #subscribed(link: Link, topic: string, joins: boolean): void {
    if (joins) link.topics.add(topic);
    else link.topics.delete(topic);
    this.#note(link, joins ? "subscribed" : "unsubscribed", topic);
  }

  #note(link: Link, kind: Notice["kind"], topic = ""): void {
    this.recording.note({ at: performance.now(), connection: link.number, kind, socket: link.socket, topic });
  }
}
