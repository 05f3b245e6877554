/**
 * Has garbage collected sooner while the heap is large. V8 lets a heap grow several times over before it looks at all of it:
 * that is fast while there is little in it, and 100,000 waiting tasks took up to 515 MB with it. With a growth of 30 % they take
 * 440 to 490 MB, but a small heap is then looked at so often that a single step costs a fifth more CPU. So it depends.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";

const largeBytes = 150 * 1024 * 1024;
/** How much garbage there may be before it is collected, as a share of what lives, in per cent. 0: V8 decides. */
const growthPercent = { large: 30, small: 0 };
const everyMs = 100;

/** Looks ten times a second at the heap of this thread. @returns what ends it */
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
