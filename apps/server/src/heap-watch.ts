/**
 * Has garbage collected sooner once the heap is no longer small. V8 lets a heap grow several times over before it looks at all of
 * it. 100,000 tasks submitted within two seconds took up to 560 MB when that began at 150 MB, and take 456 to 498 MB with the
 * limit below; a growth of 30 % from the start cost a single step a fifth more CPU.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";

const largeBytes = 48 * 1024 * 1024;
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
