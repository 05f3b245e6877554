/** Draws from a seeded stream of numbers. */
import type { SeededRandom } from "@tasker/testkit";

export function chance(random: SeededRandom, likelihood: number): boolean {
  return random.uniform() < likelihood;
}

export function pick<T>(random: SeededRandom, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

/** A whole number from `from` to `to`, both included. */
export function between(random: SeededRandom, from: number, to: number): number {
  return from + random.below(to - from + 1);
}

/** As many as `most`, each made by `make`; few are likelier than many. */
export function several<T>(random: SeededRandom, most: number, make: () => T): T[] {
  return Array.from({ length: Math.floor(random.uniform() ** 2 * (most + 1)) }, make);
}
