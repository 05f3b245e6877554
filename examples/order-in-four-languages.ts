/**
 * One order through several languages: which language runs which step of the order fulfilment. What the machine does not
 * have is run in TypeScript instead, and named.
 */
import { languages } from "../scripts/languages/all.ts";
import type { Command } from "../scripts/languages/language.ts";

const wanted: Record<string, string> = {
  validate_order: "ruby",
  reserve_inventory: "python",
  process_payment: "go",
  ship_order: "typescript",
};

export interface OrderWorker {
  readonly language: string;
  /** The steps that it runs, which are its arguments too. */
  readonly steps: readonly string[];
  readonly workerId: string;
  readonly command: Command;
}

/** Languages of the order that this machine lacks, with what is missing. */
export function absentLanguages(): { readonly name: string; readonly missing: string }[] {
  const used = languages.filter(({ name }) => Object.values(wanted).includes(name));
  return used.flatMap(({ name, missing }) => {
    const what = missing();
    return what === undefined ? [] : [{ name, missing: what }];
  });
}

/** The workers of one run; builds those that have to be built. */
export function orderWorkers(): OrderWorker[] {
  const absent = absentLanguages().map(({ name }) => name);
  return languages.flatMap((language) => {
    const isOurs = (choice: string) => (absent.includes(choice) ? "typescript" : choice) === language.name;
    const steps = Object.keys(wanted).filter((step) => isOurs(wanted[step]!));
    if (steps.length === 0) return [];
    const { command, args } = language.command(`examples/order-fulfillment/${language.name}/worker`);
    const workerId = `orders-${language.name}`;
    return [{ language: language.name, steps, workerId, command: { command, args: [...args, ...steps] } }];
  });
}
