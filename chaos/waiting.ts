/** Waiting for something to be so, by asking again; bounded, so that what never comes is an error that says what it was. */

const askAgainMs = 20;

export class TooLate extends Error {
  constructor(what: string, withinMs: number) {
    super(`waited ${withinMs / 1000} s in vain: ${what}`);
    this.name = "TooLate";
  }
}

/** @returns what `ask` answers as soon as that is neither false, null nor undefined @throws TooLate */
export async function until<T>(
  what: string,
  withinMs: number,
  ask: () => T | Promise<T>,
): Promise<Exclude<T, null | undefined | false>> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) {
      return answer as Exclude<T, null | undefined | false>;
    }
    if (performance.now() > end) throw new TooLate(what, withinMs);
    await pause(askAgainMs);
  }
}

/** How long a fault lasts, or how long there is quiet between two: never a way to wait for something to have happened. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
