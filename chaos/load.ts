/** Tasks that keep coming while faults happen: chains, diamonds, fans, every policy of loss, retries, and orders. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SeededRandom } from "@tasker/testkit";
import type { Client, Submission } from "./client.ts";

export const templateFolder = join(import.meta.dirname, "templates");
export const orderFolder = join(import.meta.dirname, "../examples/order-fulfillment");

/** An integer that a double would round is in every context: payloads come back to the last digit. */
const digits = '{"account":9007199254740993,"text":"\\u00e9\\ud83d\\ude00","__proto__":{"n":1}}';
const order = readFileSync(join(orderFolder, "context.json"), "utf8").trim();

/** Every template of the load, with how often it is drawn. */
const mixture: readonly (Submission & { readonly weight: number })[] = [
  { template: "chaos/chain", context: digits, weight: 4 },
  { template: "chaos/diamond", context: digits, weight: 2 },
  { template: "chaos/fan", context: digits, weight: 1 },
  { template: "chaos/policies", context: digits, weight: 2 },
  { template: "chaos/flaky", context: digits, weight: 1 },
  { template: "fulfillment/process_order", context: order, weight: 2 },
];

/** More than this many unacknowledged tasks, and the load waits. */
const mostPending = 100;

export class Load {
  readonly #client: Client;
  readonly #random: SeededRandom;
  readonly #everyMs: number;
  readonly #templates: typeof mixture;
  #timer: NodeJS.Timeout | undefined;

  /** @param without templates that this run leaves out */
  constructor(client: Client, random: SeededRandom, everyMs: number, without: readonly string[] = []) {
    this.#client = client;
    this.#random = random;
    this.#everyMs = everyMs;
    this.#templates = mixture.filter(({ template }) => !without.includes(template));
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#submitOne(), this.#everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #submitOne(): void {
    if (this.#client.pending >= mostPending) return;
    const { template, context } = this.#draw();
    this.#client.submit({ template, context }).catch(() => {});
  }

  #draw(): Submission {
    const total = this.#templates.reduce((sum, { weight }) => sum + weight, 0);
    let ticket = this.#random.uniform() * total;
    for (const submission of this.#templates) {
      ticket -= submission.weight;
      if (ticket < 0) return submission;
    }
    return this.#templates[0]!;
  }
}
