/**
 * Keeps the heap from holding much more than what lives in it. V8 gives new objects up to 134 MB on a large machine, and lets the
 * rest grow several times over before it looks at all of it. 100,000 waiting tasks take 364 to 419 MB so; they took up to 504 MB,
 * once more than 512, with as much for new objects as V8 likes, which made neither a request nor a step cheaper; and 535 MB when
 * the rest was looked at sooner only from 150 MB on. Looked at sooner at all times, a single step costs a fifth more CPU; from
 * 48 MB on nearly as much.
 */
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from "node:v8";

const largeBytes = 80 * 1024 * 1024;
/** How much garbage there may be before it is collected, as a share of what lives, in per cent. 0: V8 decides. */
const growthPercent = { large: 30, small: 0 };
/** What new objects have is doubled until it is as much. The flag is the process's: other threads keep what they have by then. */
const newSpaceBytes = 32 * 1024 * 1024;
const newSpaceGrowthFactor = { enough: 1, small: 2 };
const everyMs = 50;

/** Looks twenty times a second at the heap of this thread. @returns what ends it */
export function watchHeap(): () => void {
  const setGrowth = flag("--heap-growing-percent", growthPercent.small);
  const setNewSpaceGrowth = flag("--semi-space-growth-factor", newSpaceGrowthFactor.small);
  const look = (): void => {
    setGrowth(getHeapStatistics().used_heap_size > largeBytes ? growthPercent.large : growthPercent.small);
    setNewSpaceGrowth(newSpaceSize() >= newSpaceBytes ? newSpaceGrowthFactor.enough : newSpaceGrowthFactor.small);
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** @returns what sets the flag when its value is another one than before */
function flag(name: string, initial: number): (value: number) => void {
  let current = initial;
  return (value) => {
    if (value === current) return;
    current = value;
    setFlagsFromString(`${name}=${value}`);
  };
}

function newSpaceSize(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}
