/** The engine's ports to this machine: its clocks, its randomness, its event loop. */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Clock, Random, Scheduler } from "@tasker/engine";
import { v7 as uuidv7 } from "uuid";

export const machineClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

const tokenBytes = 8;
const poolTokens = 1024;

/** Cryptographic randomness, drawn in pools: a token must not cost a system call. */
export function machineRandom(): Random {
  let pool = "";
  let offset = 0;
  return {
    uniform: Math.random,
    token() {
      if (offset === pool.length) {
        pool = randomBytes(tokenBytes * poolTokens).toString("hex");
        offset = 0;
      }
      offset += tokenBytes * 2;
      return pool.slice(offset - tokenBytes * 2, offset);
    },
    uuid: (wallMs) => uuidv7({ msecs: wallMs }),
  };
}

/** A turn runs after the input/output of this round of the event loop, so a burst of messages is one turn. */
export function eventLoopScheduler(clock: Clock): Scheduler {
  let timer: NodeJS.Timeout | undefined;
  return {
    soon: (run) => void setImmediate(run),
    wakeAt(monotonicMs, run) {
      clearTimeout(timer);
      timer =
        monotonicMs === null
          ? undefined
          : setTimeout(run, Math.min(2 ** 31 - 1, Math.max(0, monotonicMs - clock.monotonicMs())));
    },
  };
}
