/**
 * What happened in one run, in order: a hash of everything (two runs of a seed must agree), and the lines themselves
 * when somebody wants to read them.
 */
export class Trace {
  readonly #print: ((line: string) => void) | null;
  readonly #recent: string[] = [];
  readonly #kept: number;
  #hash = 0x811c9dc5;

  /** @param kept how many of the last lines `tail` gives @param print receives each line as it comes */
  constructor(kept: number, print: ((line: string) => void) | null = null) {
    this.#kept = kept;
    this.#print = print;
  }

  /** @param atMs simulated time @param who the process it happened to */
  add(atMs: number, who: string, what: string): void {
    this.#fold(atMs * 1_000);
    for (let i = 0; i < who.length; i++) this.#fold(who.charCodeAt(i));
    for (let i = 0; i < what.length; i++) this.#fold(what.charCodeAt(i));
    this.#keep(atMs, who, what);
  }

  /** More than the hash is made of, for whoever reads along; costs nothing when nobody does. */
  detail(atMs: number, who: string, what: () => string): void {
    if (this.#print !== null) this.#keep(atMs, who, what());
  }

  #keep(atMs: number, who: string, what: string): void {
    const line = `${(atMs / 1_000).toFixed(6).padStart(12)}  ${who.padEnd(14)} ${what}`;
    this.#print?.(line);
    this.#recent.push(line);
    if (this.#recent.length > 2 * this.#kept) this.#recent.splice(0, this.#recent.length - this.#kept);
  }

  /** 8 hexadecimal digits (FNV-1a) over every entry so far. */
  get hash(): string {
    return this.#hash.toString(16).padStart(8, "0");
  }

  tail(): readonly string[] {
    return this.#recent.slice(-this.#kept);
  }

  #fold(code: number): void {
    this.#hash = Math.imul(this.#hash ^ (code & 0xffff), 0x01000193) >>> 0;
  }
}
