/** Seeded randomness in independent streams: a change in one part of a run leaves the draws of the others as they were. */
import { SeededRandom } from "@tasker/testkit";

/** A stream of its own for this purpose in this run. */
export function stream(seed: number, purpose: string): SeededRandom {
  let hash = mix(seed >>> 0);
  for (let i = 0; i < purpose.length; i++) hash = mix(hash ^ purpose.charCodeAt(i));
  return new SeededRandom(hash);
}

export function chance(random: SeededRandom, probability: number): boolean {
  return random.uniform() < probability;
}

/** A whole number, from and to included. */
export function between(random: SeededRandom, from: number, to: number): number {
  return from + random.below(to - from + 1);
}

export function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

/** Spreads neighbouring seeds apart (murmur3's finaliser). */
function mix(value: number): number {
  let x = (value + 0x9e3779b9) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
