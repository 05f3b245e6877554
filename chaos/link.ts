/**
 * The network between one worker and the orchestrator: a TCP proxy for each of the worker's two connections, which can
 * hold what goes in one direction or both, go silent without closing anything, and lose, double or reorder messages.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { FrameReader } from "./zmtp.ts";

export type Direction = "to worker" | "to orchestrator";

/** What becomes of one message. A `later` one is overtaken by those that follow. */
export type Fate = "pass" | "lose" | "double" | "later";

/** Decides about each message. @param text the beginning of the message, its topic first */
export type Fates = (text: string, direction: Direction) => Fate;

/** A message that is to be overtaken waits this long at most for one that overtakes it. */
const latestMs = 300;

export class Link {
  readonly #servers: Server[] = [];
  readonly #pipes = new Set<Pipe>();
  readonly #held = new Set<Direction>();
  #fates: Fates | null = null;
  #keepsOrchestratorSide = false;
  /** For the worker's environment. */
  readonly endpoints: { readonly steps: string; readonly results: string };
  /** Messages that were lost, doubled and overtaken. */
  readonly counts = { lose: 0, double: 0, later: 0, pass: 0 };

  private constructor(servers: Server[]) {
    this.#servers = servers;
    const [steps, results] = servers.map((server) => `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
    this.endpoints = { steps: steps!, results: results! };
  }

  /** @param to TCP endpoints of the orchestrator */
  static async open(to: { readonly steps: string; readonly results: string }): Promise<Link> {
    const servers = [createServer(), createServer()];
    for (const server of servers) await once(server.listen(0, "127.0.0.1"), "listening");
    const link = new Link(servers);
    for (const [index, target] of [to.steps, to.results].entries()) {
      servers[index]!.on("connection", (socket) => link.#join(socket, portOf(target)));
    }
    return link;
  }

  /** Nothing arrives in these directions until `heal`; it waits in the network, as after a partition of TCP. */
  hold(...directions: Direction[]): void {
    for (const direction of directions) this.#held.add(direction);
    for (const pipe of this.#pipes) pipe.refresh();
  }

  heal(): void {
    this.#held.clear();
    for (const pipe of this.#pipes) pipe.refresh();
  }

  /** The connections that there are now never carry anything again and are never closed; new ones work. */
  silence(): void {
    for (const pipe of this.#pipes) pipe.silence();
  }

  /** Every connection is reset. */
  reset(): void {
    for (const pipe of this.#pipes) pipe.destroy();
  }

  /** Null: every message passes. */
  decide(fates: Fates | null): void {
    this.#fates = fates;
  }

  /** The orchestrator does not hear that the worker's side is closed, as when its machine loses power. */
  keepOrchestratorSide(keep: boolean): void {
    this.#keepsOrchestratorSide = keep;
    if (keep) return;
    for (const pipe of this.#pipes) if (pipe.isHalf) pipe.destroy();
  }

  close(): void {
    this.reset();
    for (const server of this.#servers) server.close();
  }

  #join(worker: Socket, port: number): void {
    const pipe = new Pipe(worker, connect(port, "127.0.0.1"), {
      isHeld: (direction) => this.#held.has(direction),
      fateOf: (text, direction) => {
        const fate = this.#fates?.(text, direction) ?? "pass";
        this.counts[fate]++;
        return fate;
      },
      keepsOrchestratorSide: () => this.#keepsOrchestratorSide,
      ended: () => this.#pipes.delete(pipe),
    });
    this.#pipes.add(pipe);
  }
}

interface PipeRules {
  isHeld(direction: Direction): boolean;
  fateOf(text: string, direction: Direction): Fate;
  keepsOrchestratorSide(): boolean;
  ended(): void;
}

/** One connection: a socket to each side. */
class Pipe {
  readonly #worker: Socket;
  readonly #orchestrator: Socket;
  readonly #rules: PipeRules;
  #silent = false;
  #workerClosed = false;

  constructor(worker: Socket, orchestrator: Socket, rules: PipeRules) {
    this.#worker = worker;
    this.#orchestrator = orchestrator;
    this.#rules = rules;
    this.#forward(worker, orchestrator, "to orchestrator");
    this.#forward(orchestrator, worker, "to worker");
    worker.on("close", () => {
      this.#workerClosed = true;
      if (!this.#silent && !rules.keepsOrchestratorSide()) this.destroy();
    });
    orchestrator.on("close", () => {
      if (!this.#silent) this.destroy();
    });
    for (const socket of [worker, orchestrator]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
    }
    this.refresh();
  }

  /** Only the orchestrator still believes in it. */
  get isHalf(): boolean {
    return this.#workerClosed;
  }

  refresh(): void {
    for (const [socket, direction] of [
      [this.#worker, "to orchestrator"],
      [this.#orchestrator, "to worker"],
    ] as const) {
      if (this.#silent || this.#rules.isHeld(direction)) socket.pause();
      else socket.resume();
    }
  }

  silence(): void {
    this.#silent = true;
    this.refresh();
  }

  destroy(): void {
    this.#worker.destroy();
    this.#orchestrator.destroy();
    this.#rules.ended();
  }

  #forward(from: Socket, to: Socket, direction: Direction): void {
    const reader = new FrameReader();
    const overtaken: Buffer[] = [];
    const release = () => {
      for (const bytes of overtaken.splice(0)) to.write(bytes);
    };
    from.on("data", (chunk) => {
      for (const { bytes, message } of reader.read(chunk)) {
        const fate = message === null ? "pass" : this.#rules.fateOf(message.toString("utf8", 0, 400), direction);
        if (fate === "later") {
          overtaken.push(bytes);
          setTimeout(release, latestMs);
          continue;
        }
        if (fate === "lose") continue;
        to.write(bytes);
        if (fate === "double") to.write(bytes);
        release();
      }
    });
  }
}

function portOf(endpoint: string): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));
}
