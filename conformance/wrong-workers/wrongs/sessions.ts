/** Wrong about sessions: hello, heartbeats, silence, refusal. */
import type { WelcomeMessage } from "@tasker/protocol";
import { computeHere, type RawHandler, handlers as rightHandlers } from "../handlers.ts";
import { RawWorker } from "../raw-worker.ts";
import type { Wrong } from "../wrong.ts";

export const wrongSessions: readonly Wrong[] = [
  {
    name: "subscribes-without-the-space",
    wrongness: "subscribes to `@session`, which other sessions' topics may begin with",
    breaks: "R-2",
    fails: ["hello/subscribes-to-its-session-with-the-space", "always/a-session-is-one-pair-of-sockets"],
    Worker: class extends RawWorker {
      override subscription(): string {
        return `@${this.session}`;
      }
    },
  },
  {
    name: "says-hello-once",
    wrongness: "does not repeat its hello",
    breaks: "R-32",
    fails: ["hello/repeats-until-welcomed"],
    passes: ["hello/says-who-it-is"],
    Worker: class extends RawWorker {
      override onRehello(): void {
        if (this.state !== "hello") super.onRehello();
      }
      override sayHello(): void {
        super.sayHello();
        this.helloAt = Number.POSITIVE_INFINITY;
      }
    },
  },
  {
    name: "hammers-with-hellos",
    wrongness: "repeats its hello every 50 ms",
    breaks: "R-32",
    fails: ["hello/repeats-until-welcomed"],
    passes: ["hello/says-who-it-is"],
    Worker: class extends RawWorker {
      override sayHello(): void {
        super.sayHello();
        this.helloAt = performance.now() + 50;
      }
    },
  },
  {
    name: "ignores-rehello",
    wrongness: "says hello by itself only",
    breaks: "R-37",
    fails: ["hello/again-when-asked"],
    passes: ["hello/says-who-it-is"],
    Worker: class extends RawWorker {
      override onRehello(): void {}
    },
  },
  {
    name: "hides-its-leases",
    wrongness: "says hello without the leases that it holds",
    breaks: "R-22",
    fails: ["hello/again-when-asked"],
    passes: ["hello/says-who-it-is"],
    Worker: class extends RawWorker {
      override terms() {
        return { ...super.terms(), leases: [] };
      }
    },
  },
  {
    name: "goes-on-after-refuse",
    wrongness: "takes a refusal for a hiccup, and says hello again",
    breaks: "R-34",
    fails: ["hello/of-a-version-that-is-refused", "always/no-hello-after-refuse"],
    passes: ["hello/says-who-it-is"],
    Worker: class extends RawWorker {
      override onRefuse(): void {
        this.state = "hello";
      }
    },
  },
  {
    name: "ends-well-after-refuse",
    wrongness: "ends with exit code 0 when it was refused",
    breaks: "C-6",
    fails: ["hello/of-a-version-that-is-refused"],
    passes: ["hello/says-who-it-is"],
    Worker: class extends RawWorker {
      override close(): void {
        super.close(0);
      }
    },
  },
  {
    name: "sits-through-silence",
    wrongness: "waits for an orchestrator that has fallen silent",
    breaks: "R-35",
    fails: ["session/silence-makes-a-new-one"],
    passes: ["session/stays-while-there-are-pings"],
    Worker: class extends RawWorker {
      override lose(): void {}
    },
  },
  {
    name: "is-nervous",
    wrongness: "takes 700 ms for silence",
    breaks: "R-35",
    fails: ["session/stays-while-there-are-pings"],
    Worker: class extends RawWorker {
      override tick(): void {
        if (this.state === "ready" && performance.now() - this.heardAt > 700) this.connect();
        super.tick();
      }
    },
  },
  {
    name: "drops-its-outbox",
    wrongness: "forgets its results when the session is lost",
    breaks: "R-51",
    fails: ["session/silence-makes-a-new-one"],
    passes: ["session/stays-while-there-are-pings"],
    Worker: class extends RawWorker {
      override lose(): void {
        this.outbox.clear();
        super.lose();
      }
    },
  },
  {
    name: "keeps-its-session-id",
    wrongness: "makes new sockets under the old session",
    breaks: "R-31",
    fails: ["session/silence-makes-a-new-one", "always/last-seq-never-falls"],
    passes: ["session/stays-while-there-are-pings"],
    Worker: class extends RawWorker {
      override newSession(): string {
        return this.session === "" ? super.newSession() : this.session;
      }
    },
  },
  {
    name: "beats-from-the-busy-thread",
    wrongness: "runs handlers in the loop that sends heartbeats",
    breaks: "R-23",
    fails: ["heartbeats/go-on-while-a-handler-is-busy", "heartbeats/a-busy-handler-delays-no-result-or-ack"],
    passes: ["heartbeats/list-what-is-held"],
    Worker: class extends RawWorker {
      override handlers: Readonly<Record<string, RawHandler>> = {
        ...rightHandlers,
        "conformance.busy"({ config: { ms } }) {
          computeHere(ms);
          return { busy_ms: ms };
        },
      };
    },
  },
  {
    name: "beats-at-its-own-pace",
    wrongness: "sends a heartbeat every second, whatever the welcome says",
    breaks: "R-23",
    fails: ["heartbeats/as-often-as-the-welcome-says"],
    passes: ["heartbeats/list-what-is-held"],
    Worker: class extends RawWorker {
      override onWelcome(message: WelcomeMessage): void {
        super.onWelcome({ ...message, heartbeat_ms: 1_000 });
      }
    },
  },
  {
    name: "forgets-last-seq",
    wrongness: "confirms no batch",
    breaks: "R-41",
    fails: ["leases/last-seq-confirms-batches"],
    passes: ["leases/unknown-handler"],
    Worker: class extends RawWorker {
      override beat(): void {
        this.lastSeq = 0;
        super.beat();
      }
    },
  },
  {
    name: "lists-running-leases-only",
    wrongness: "leaves its outbox out of its heartbeats",
    breaks: "R-24",
    fails: ["heartbeats/list-what-is-held"],
    passes: ["heartbeats/carry-progress"],
    Worker: class extends RawWorker {
      override leases(): string[] {
        return super.leases().filter((lease) => !this.outbox.has(lease));
      }
    },
  },
  {
    name: "boasts",
    wrongness: "says that it has room for more than it was told to",
    breaks: "C-2",
    fails: ["hello/says-who-it-is"],
    passes: ["hello/subscribes-to-its-session-with-the-space"],
    Worker: class extends RawWorker {
      override capacity(): number {
        return this.draining ? 0 : 1_000;
      }
    },
  },
  {
    name: "keeps-its-capacity",
    wrongness: "offers the slot of a handler that runs beyond its time",
    breaks: "R-48",
    fails: ["heartbeats/capacity-falls-with-a-handler-that-does-not-end"],
    passes: ["heartbeats/list-what-is-held"],
    Worker: class extends RawWorker {
      override capacity(): number {
        return this.draining ? 0 : this.concurrency;
      }
    },
  },
  {
    name: "joins-another-pool",
    wrongness: "does not read TASKER_POOL",
    breaks: "C-2",
    fails: ["hello/says-who-it-is"],
    passes: ["hello/subscribes-to-its-session-with-the-space"],
    Worker: class extends RawWorker {
      override terms() {
        return { ...super.terms(), pool: "mine" };
      }
    },
  },
];
