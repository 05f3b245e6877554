/** The engine's ports to this machine: its clocks, its randomness, its event loop. */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Clock, Random, Scheduler } from "@tasker/engine";
import { v7 as uuidv7 } from "uuid";

export const machineClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

const poolBytes = 16 * 1024;
const tokenBytes = 8;
const uuidBytes = 16;

/** Cryptographic randomness, drawn in pools: neither a token nor a UUID may cost a system call. */
export function machineRandom(): Random {
  let pool = Buffer.alloc(0);
  let used = 0;
  const draw = (count: number): Buffer => {
    if (used + count > pool.length) {
      pool = randomBytes(poolBytes);
      used = 0;
    }
    used += count;
    return pool.subarray(used - count, used);
  };
  return {
    uniform: Math.random,
    token: () => draw(tokenBytes).toString("hex"),
    uuid: (wallMs) => uuidv7({ msecs: wallMs, random: draw(uuidBytes) }),
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
