/** How threads are started. */
import { setFlagsFromString } from "node:v8";
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a thread. From the first one on, V8 keeps WebAssembly code as long as its module instead of collecting it: Node takes the
 * types out of TypeScript with WebAssembly, in each thread anew, and V8 collects its code across all threads. Once in some
 * thousand threads a process ended with SIGSEGV, most likely of that (docs/decisions/0010-threads-keep-webassembly-code.md).
 *
 * @param module of the thread's program
 */
export function startThread(module: URL, options: WorkerOptions): Worker {
  setFlagsFromString("--no-wasm-code-gc");
  return new Worker(module, options);
}
