/**
 * The session thread: owns the sockets and a session for each orchestrator, so that heartbeats, acks and resends go on while
 * a handler blocks the main thread. Joins sessions to sockets, one timer, and the main thread; decides nothing.
 */
import { randomBytes } from "node:crypto";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { filterLog, type LogFields, type Logger } from "../log.ts";
import { Occupancy } from "../occupancy.ts";
import type { ThreadSetup, ToSession, ToWorker } from "./link.ts";
import { OccupancyWatch } from "./occupancy-watch.ts";
import { packSteps, unpackOutcomes } from "./packed-lists.ts";
import type { Outcome, StepRequest } from "./ports.ts";
import { Session } from "./session.ts";
import { type Endpoints, Sockets } from "./sockets.ts";

/** Steps handed to the main thread while a burst of frames is still being read, so that it need not wait for the end. */
const stepsPerHandover = 64;

const setup = workerData as ThreadSetup;
const port = parentPort as MessagePort;
const clock = { monotonicMs: () => performance.now() };
const random = { uniform: () => Math.random(), token: () => randomBytes(8).toString("hex") };
const log = filterLog(portLogger(), setup.logLevel);
const sessions: Session[] = [];
const sockets: Sockets[] = [];
const watch = new OccupancyWatch(new Occupancy(setup.occupancy));
let arrived: StepRequest[] = [];
let timer: NodeJS.Timeout | null = null;
let timerAt = Number.POSITIVE_INFINITY;
let open = setup.orchestrators.length;

function tell(message: ToWorker): void {
  port.postMessage(message);
}

function portLogger(): Logger {
  const write = (level: "debug" | "info" | "warn" | "error") => (event: string, fields?: LogFields) =>
    tell({ type: "log", level, event, fields });
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

function openSession(endpoints: Endpoints, origin: number): void {
  const wire = new Sockets(endpoints, {
    frameArrived: (frame) => session.receive(frame),
    burstEnded: () => {
      handOver();
      wakeInTime();
    },
    failed: (error) => log.error("frame.failed", { error: error.message, stack: error.stack }),
  });
  const session = new Session(
    setup.terms,
    {
      wire,
      clock,
      random,
      log,
      events: {
        run(steps) {
          for (const step of steps) arrived.push(step);
          if (arrived.length >= stepsPerHandover) handOver();
        },
        cancel(leaseIds, reason) {
          handOver();
          tell({ type: "cancel", leaseIds, reason });
        },
        checkpointSettled: (leaseId, seq, refused) => tell({ type: "checkpoint_settled", leaseId, seq, refused }),
        drainRequested: (reason) => tell({ type: "drain_requested", reason }),
        refused: (reason, detail) => tell({ type: "refused", reason, detail }),
        closed: () => {
          open--;
          if (open === 0) end();
        },
      },
    },
    origin,
  );
  sessions.push(session);
  sockets.push(wire);
}

function handOver(): void {
  if (arrived.length === 0) return;
  for (const step of arrived) watch.handed(step);
  const steps = packSteps(arrived);
  arrived = [];
  tell({ type: "run", steps });
}

function wakeInTime(): void {
  let at = watch.wakesAt;
  for (const session of sessions) at = Math.min(at, session.wakesAt);
  if (at >= timerAt) return;
  if (timer !== null) clearTimeout(timer);
  timerAt = at;
  timer = setTimeout(tick, Math.max(0, Math.ceil(at - clock.monotonicMs())));
}

function tick(): void {
  timer = null;
  timerAt = Number.POSITIVE_INFINITY;
  const overrun = watch.look(clock.monotonicMs());
  if (overrun !== null) sessions[overrun.origin]!.overrun(overrun.leaseId, overrun.timeoutMs);
  for (const session of sessions) session.tick();
  wakeInTime();
}

function hear(message: ToSession): void {
  switch (message.type) {
    case "finished":
      takeOutcomes(unpackOutcomes(message.outcomes));
      break;
    case "progress":
      sessions[message.origin]!.progress(message.leaseId, message.progress);
      break;
    case "checkpoint":
      sessions[message.origin]!.checkpoint(message.leaseId, message.seq, message.cursor);
      break;
    case "overdue":
      for (const session of sessions) session.overdue(message.count);
      break;
    case "drain":
      for (const session of sessions) session.drain();
      handOver();
      tell({ type: "drained" });
      break;
    case "give_back":
      sessions[message.origin]!.giveBack(message.leaseIds);
      break;
    case "leave":
      for (const session of sessions) session.leave(message.flushMs);
      break;
    case "close":
      closeSockets();
      break;
  }
  wakeInTime();
}

function takeOutcomes(outcomes: readonly Outcome[]): void {
  if (sessions.length === 1) sessions[0]!.finish(outcomes);
  else {
    for (const [origin, session] of sessions.entries()) {
      session.finish(outcomes.filter((outcome) => outcome.origin === origin));
    }
  }
}

function closeSockets(): void {
  for (const wire of sockets) wire.close(0);
  // A close ends in a later round of the event loop; only then may the process be torn down.
  setImmediate(() => setImmediate(sayClosed));
}

function sayClosed(): void {
  const flag = new Int32Array(setup.socketsClosed);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}

function end(): void {
  if (timer !== null) clearTimeout(timer);
  tell({ type: "closed" });
  port.close();
}

port.on("message", hear);
for (const [origin, endpoints] of setup.orchestrators.entries()) openSession(endpoints, origin);
for (const session of sessions) session.start();
wakeInTime();
