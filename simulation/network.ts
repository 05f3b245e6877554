/**
 * A network between workers and the orchestrator that behaves as XPUB/SUB over TCP does, and worse: frames take time, and
 * by the run's faults are lost, doubled or reordered; links are cut in one direction or both; connections break, and
 * each side notices in its own time. Subscriptions reach the publisher with a connection, and leave with it.
 */
import type { Wire, WireEvents } from "@tasker/executors";
import type { Frame } from "@tasker/protocol";
import type { SeededRandom } from "@tasker/testkit";
import type { Kernel, Process } from "./kernel.ts";
import type { Trace } from "./trace.ts";

/** How bad it is. Probabilities are per frame. */
export interface NetworkWeather {
  minDelayMs: number;
  maxDelayMs: number;
  loss: number;
  doubling: number;
  reordering: number;
  /** Frames under way to one worker before a send is refused. */
  highWaterMark: number;
}

/** More than ever is under way. */
export const calmHighWaterMark = 1_000;

type Direction = "down" | "up";

interface Partition {
  readonly worker: string;
  readonly direction: Direction | "both";
  /** Lost: as if never sent. Held: delivered after the cut, as TCP does it. */
  readonly frames: "lost" | "held";
  readonly until: number;
}

/** The orchestrator's end. */
interface Host {
  readonly process: Process;
  readonly events: WireEvents;
}

/** One established connection pair of a worker's sockets: steps come down, messages go up. */
class Connection {
  readonly host: Host;
  readonly sockets: Sockets;
  readonly granted: string[] = [];
  /** The worker's side still holds it to be open. */
  workerOpen = true;
  /** The orchestrator's side still holds it to be open. */
  hostOpen = true;
  /** The orchestrator's SUB has told the worker's PUB what it wants; before that, what is published is dropped. */
  upOpen = false;
  inFlight = 0;
  lastDown = 0;
  lastUp = 0;

  constructor(host: Host, sockets: Sockets) {
    this.host = host;
    this.sockets = sockets;
  }

  /** The worker closed its sockets and let them send first what it had said: that arrives, whenever the end is noticed. */
  leftInOrder = false;

  get intact(): boolean {
    return this.workerOpen && this.hostOpen;
  }
}

/** A worker's pair of sockets: a SUB for steps and a PUB for results. */
export class Sockets {
  readonly process: Process;
  readonly topic: string;
  readonly receive: (frame: Uint8Array) => void;
  readonly #network: Network;
  connection: Connection | null = null;
  closed = false;

  constructor(network: Network, process: Process, topic: string, receive: (frame: Uint8Array) => void) {
    this.#network = network;
    this.process = process;
    this.topic = topic;
    this.receive = receive;
  }

  /** Never waits; without a connection the frame is dropped, as PUB does. */
  publish(frame: Frame): void {
    if (!this.closed && this.process.alive) this.#network.sendUp(this, frame);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#network.disconnect(this, "closed");
  }
}

export class Network implements Wire {
  readonly weather: NetworkWeather;
  readonly #kernel: Kernel;
  readonly #random: SeededRandom;
  readonly #trace: Trace;
  readonly #sockets = new Set<Sockets>();
  /** Connections that the orchestrator's side holds to be open, intact or not. */
  readonly #connections = new Set<Connection>();
  #partitions: Partition[] = [];
  #host: Host | null = null;

  constructor(kernel: Kernel, random: SeededRandom, trace: Trace, weather: NetworkWeather) {
    this.#kernel = kernel;
    this.#random = random;
    this.#trace = trace;
    this.weather = weather;
  }

  // ------------------------------------------------------------------------------------------------- the two ends

  /** The orchestrator listens; workers that were looking for it find it. Its death closes everything. */
  bind(process: Process, events: WireEvents): void {
    const host: Host = { process, events };
    this.#host = host;
    process.onDeath(() => this.#hostDied(host));
    for (const sockets of this.#sockets) this.#connectLater(sockets);
  }

  open(process: Process, topic: string, receive: (frame: Uint8Array) => void): Sockets {
    const sockets = new Sockets(this, process, topic, receive);
    this.#sockets.add(sockets);
    process.onDeath(() => this.disconnect(sockets, "died"));
    this.#connectLater(sockets);
    return sockets;
  }

  #connectLater(sockets: Sockets): void {
    if (this.#host === null) return;
    const reconnectMs = 1 + this.#random.uniform() * 150;
    this.#kernel.after(reconnectMs, sockets.process, () => this.#connect(sockets));
  }

  #connect(sockets: Sockets): void {
    const host = this.#host;
    if (sockets.closed || sockets.connection !== null || host === null) return;
    if (this.#cutUntil(sockets, "both") > this.#kernel.now) {
      this.#connectLater(sockets);
      return;
    }
    const connection = new Connection(host, sockets);
    sockets.connection = connection;
    this.#connections.add(connection);
    this.#kernel.after(this.#delay(), host.process, () => this.#subscribe(connection));
    this.#kernel.after(this.#delay(), sockets.process, () => {
      connection.upOpen = true;
    });
  }

  #subscribe(connection: Connection): void {
    if (!connection.hostOpen) return;
    const { topic, process } = connection.sockets;
    this.#trace.add(this.#kernel.now, "network", `${process.name} subscribes ${topic}`);
    connection.host.events.subscriptionJoined(topic, (prefix) => connection.granted.push(prefix));
  }

  // -------------------------------------------------------------------------------------------------- what breaks

  /** The worker is gone or has closed its sockets; the orchestrator learns it a moment later. */
  disconnect(sockets: Sockets, how: "closed" | "died"): void {
    this.#sockets.delete(sockets);
    sockets.closed = true;
    const { connection } = sockets;
    sockets.connection = null;
    if (connection === null) return;
    connection.workerOpen = false;
    connection.leftInOrder = how === "closed";
    // Cut off, nobody hears of it before the cut ends.
    const cutMs = Math.max(0, this.#cutUntil(sockets, "up") - this.#kernel.now);
    this.#trace.add(this.#kernel.now, "network", `${sockets.process.name} ${how} its sockets`);
    this.#hostNotices(connection, cutMs + 2 + this.#random.uniform() * 12);
  }

  /** @param noticed which side learns of it soon; the other one learns it late or never */
  breakConnection(worker: string, noticed: "both" | "worker" | "host"): void {
    for (const connection of [...this.#connections]) {
      const { sockets } = connection;
      if (sockets.process.name !== worker || !connection.intact) continue;
      this.#trace.add(this.#kernel.now, "network", `connection of ${worker} breaks, noticed by ${noticed}`);
      connection.workerOpen = false;
      this.#hostNotices(connection, noticed === "worker" ? 1_000 + this.#random.uniform() * 9_000 : 5);
      if (noticed === "host") continue;
      sockets.connection = null;
      this.#connectLater(sockets);
    }
  }

  #hostNotices(connection: Connection, afterMs: number): void {
    this.#kernel.after(afterMs, connection.host.process, () => this.#closeOnHost(connection));
  }

  #closeOnHost(connection: Connection): void {
    if (!connection.hostOpen) return;
    connection.hostOpen = false;
    this.#connections.delete(connection);
    for (const prefix of connection.granted.splice(0)) {
      this.#trace.add(this.#kernel.now, "network", `${connection.sockets.process.name} is unsubscribed ${prefix}`);
      connection.host.events.subscriptionLeft(prefix);
    }
  }

  #hostDied(host: Host): void {
    if (this.#host === host) this.#host = null;
    for (const connection of [...this.#connections]) {
      if (connection.host !== host) continue;
      connection.hostOpen = false;
      this.#connections.delete(connection);
      if (connection.sockets.connection === connection) connection.sockets.connection = null;
    }
  }

  cut(partition: Partition): void {
    const { worker, direction, frames } = partition;
    this.#trace.add(this.#kernel.now, "network", `${worker} is cut off ${direction}, frames are ${frames}`);
    this.#partitions.push(partition);
  }

  /** No cut, loss, doubling, reordering or full queue from now on; half-open connections end. */
  heal(): void {
    this.#partitions = [];
    Object.assign(this.weather, { loss: 0, doubling: 0, reordering: 0, highWaterMark: calmHighWaterMark });
    for (const connection of [...this.#connections]) if (!connection.intact) this.#hostNotices(connection, 5);
    for (const sockets of this.#sockets) if (sockets.connection?.intact === false) this.#reconnect(sockets);
    for (const sockets of this.#sockets) if (sockets.connection === null) this.#connectLater(sockets);
  }

  #reconnect(sockets: Sockets): void {
    sockets.connection = null;
  }

  // ------------------------------------------------------------------------------------------------------ sending

  /** From the orchestrator, to whoever was granted a prefix of the frame. */
  send(frame: Frame, refused: () => void): void {
    const host = this.#host;
    if (host?.process.alive !== true) return;
    const bytes = Buffer.from(frame as string);
    const receivers = [...this.#connections].filter(
      (connection) => connection.host === host && connection.granted.some((prefix) => bytes.indexOf(prefix) === 0),
    );
    if (receivers.some((connection) => connection.inFlight >= this.weather.highWaterMark)) {
      this.#kernel.after(0, host.process, refused);
      return;
    }
    for (const connection of receivers) this.#sendDown(connection, bytes);
  }

  #sendDown(connection: Connection, frame: Buffer): void {
    const { sockets } = connection;
    for (const at of this.#arrivals(connection, "down")) {
      connection.inFlight++;
      this.#kernel.after(at - this.#kernel.now, sockets.process, () => {
        connection.inFlight--;
        if (connection.intact && !sockets.closed) sockets.receive(frame);
      });
    }
  }

  sendUp(sockets: Sockets, frame: Frame): void {
    const { connection } = sockets;
    if (connection === null || !connection.upOpen) return;
    for (const at of this.#arrivals(connection, "up")) {
      this.#kernel.after(at - this.#kernel.now, connection.host.process, () => {
        if (!connection.hostOpen && !connection.leftInOrder) return;
        connection.host.events.frameArrived(Buffer.from(frame as string));
      });
    }
  }

  /** When a frame sent now arrives: never, once, or twice. */
  #arrivals(connection: Connection, direction: Direction): number[] {
    if (!connection.intact) return [];
    const { now } = this.#kernel;
    const { loss, doubling, reordering } = this.weather;
    if (loss > 0 && this.#random.uniform() < loss) return [];
    const cut = this.#partition(connection.sockets, direction);
    if (cut?.frames === "lost") return [];
    const earliest = cut === undefined ? now : cut.until;
    const last = direction === "down" ? connection.lastDown : connection.lastUp;
    const overtakes = reordering > 0 && this.#random.uniform() < reordering;
    const at = overtakes ? earliest + this.#delay() * 10 : Math.max(last, earliest + this.#delay());
    if (!overtakes && direction === "down") connection.lastDown = at;
    if (!overtakes && direction === "up") connection.lastUp = at;
    // A plain worker cannot tell a doubled batch from another one; nobody promises that it does.
    const doubled = connection.sockets.topic.startsWith("@") && doubling > 0 && this.#random.uniform() < doubling;
    if (!doubled) return [at];
    return [at, at + this.#random.uniform() ** 3 * 5_000];
  }

  #delay(): number {
    const { minDelayMs, maxDelayMs } = this.weather;
    return minDelayMs + this.#random.uniform() ** 2 * (maxDelayMs - minDelayMs);
  }

  #partition(sockets: Sockets, direction: Direction): Partition | undefined {
    const { now } = this.#kernel;
    return this.#partitions.find(
      (cut) =>
        cut.worker === sockets.process.name &&
        cut.until > now &&
        (cut.direction === "both" || cut.direction === direction),
    );
  }

  #cutUntil(sockets: Sockets, direction: "up" | "both"): number {
    const cuts = [this.#partition(sockets, "up"), direction === "both" ? this.#partition(sockets, "down") : undefined];
    return Math.max(0, ...cuts.map((cut) => cut?.until ?? 0));
  }
}
