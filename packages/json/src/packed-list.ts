/**
 * Texts and numbers one behind the other: all texts joined into one, all numbers in one array, a text's length among them. For
 * what crosses between threads or goes into a log: that costs by the value, not by the byte (ten steps cloned between threads:
 * 70 us as objects, 9 us as arrays, 5 us so). Read in the order in which it was written; no names, no types.
 */

export interface PackedList {
  readonly text: string;
  readonly numbers: Float64Array;
}

/** The length of a text that is null. A number that is null is NaN. */
const absent = -1;

export class PackedListWriter {
  #text = "";
  #numbers: Float64Array;
  #count = 0;

  /** @param numbers how many there will be, about */
  constructor(numbers: number) {
    this.#numbers = new Float64Array(numbers);
  }

  number(value: number | null): void {
    if (this.#count === this.#numbers.length) this.#grow();
    this.#numbers[this.#count++] = value ?? Number.NaN;
  }

  flag(value: boolean): void {
    this.number(value ? 1 : 0);
  }

  text(value: string | null): void {
    if (value === null) this.number(absent);
    else {
      this.number(value.length);
      this.#text += value;
    }
  }

  end(): PackedList {
    return { text: this.#text, numbers: this.#numbers.subarray(0, this.#count) };
  }

  #grow(): void {
    const larger = new Float64Array(Math.max(64, this.#numbers.length * 2));
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

/** Whoever reads asks for what was written, in its order: anything else gives nonsense. */
export class PackedListReader {
  readonly #text: string;
  readonly #numbers: Float64Array;
  #at = 0;
  #textAt = 0;

  constructor({ text, numbers }: PackedList) {
    this.#text = text;
    this.#numbers = numbers;
  }

  get hasMore(): boolean {
    return this.#at < this.#numbers.length;
  }

  number(): number {
    return this.#numbers[this.#at++]!;
  }

  numberOrNull(): number | null {
    const value = this.number();
    return Number.isNaN(value) ? null : value;
  }

  flag(): boolean {
    return this.number() === 1;
  }

  text(): string {
    return this.textOrNull()!;
  }

  textOrNull(): string | null {
    const length = this.number();
    if (length === absent) return null;
    const start = this.#textAt;
    this.#textAt += length;
    return this.#text.slice(start, this.#textAt);
  }
}
