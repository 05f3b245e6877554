/** The workers of the runs, by language: of TypeScript always, of the others where this machine is set up for them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { languages } from "../scripts/languages/all.ts";

/** `plain` speaks protocol 1.0 alone; `orders` runs the order fulfilment. */
export type Language = "typescript" | "python" | "go" | "ruby" | "plain" | "orders";

const commands = new Map<Language, readonly string[]>([
  ["plain", [process.execPath, join(import.meta.dirname, "workers/typescript/plain.ts")]],
  ["orders", [process.execPath, join(import.meta.dirname, "../examples/order-fulfillment/typescript/worker.ts")]],
]);

/** The command that starts a worker of this language. @throws Error when it cannot be built */
export function commandOf(language: Language): readonly string[] {
  const known = commands.get(language);
  if (known !== undefined) return known;
  const { command, args } = languages
    .find(({ name }) => name === language)!
    .command(`chaos/workers/${language}/worker`);
  commands.set(language, [command, ...args]);
  return [command, ...args];
}

/** Those that have a worker for these runs. */
const written = languages.filter(({ name }) => existsSync(join(import.meta.dirname, "workers", name)));

let available: readonly Language[] | null = null;

/** The languages in which `chaos.work` and `chaos.gate` can run here, TypeScript first. */
export function languagesHere(): readonly Language[] {
  available ??= written.filter((language) => language.missing() === undefined).map(({ name }) => name as Language);
  return available;
}

/** Builds what has to be built, so that no run waits for it. */
export function buildWorkers(): void {
  for (const language of languagesHere()) commandOf(language);
}

/** Why the others cannot. */
export function languagesMissing(): string[] {
  return written.flatMap((language) => {
    const missing = language.missing();
    return missing === undefined ? [] : [`${language.name}: ${missing}`];
  });
}
