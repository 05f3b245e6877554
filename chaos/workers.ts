/** The workers of the runs, by language: those that this machine has and whose worker library is in this repository. */
import { join } from "node:path";

export type Language = "typescript" | "plain" | "orders";

const folder = join(import.meta.dirname, "workers");

/** The command that starts a worker of this language. */
export function commandOf(language: Language): readonly string[] {
  return commands[language];
}

const commands: Record<Language, readonly string[]> = {
  typescript: [process.execPath, join(folder, "worker.ts")],
  plain: [process.execPath, join(folder, "plain.ts")],
  orders: [process.execPath, join(import.meta.dirname, "../examples/order-fulfillment/typescript/worker.ts")],
};
