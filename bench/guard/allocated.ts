import { GCProfiler, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes that this process allocated on its heap meanwhile: what each collection found above what the one before had left. */
export async function allocatedBy(run: () => Promise<void>): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const profiler = new GCProfiler();
  profiler.start();
  collect();
  await run();
  collect();
  const { statistics } = profiler.stop();
  let allocated = 0;
  for (let i = 1; i < statistics.length; i++) {
    allocated +=
      statistics[i]!.beforeGC.heapStatistics.usedHeapSize - statistics[i - 1]!.afterGC.heapStatistics.usedHeapSize;
  }
  return allocated;
}
