/** A warehouse: counts what is there and sets goods aside, all of an order or nothing. Asking twice under one key is asking once. */
import { createHash } from "node:crypto";

export class OutOfStock extends Error {}
export class UnknownSku extends Error {}

export interface Reservation {
  readonly id: string;
  readonly expiresAt: Date;
}

interface Wanted {
  readonly sku: string;
  readonly quantity: number;
}

/** Keys are forgotten, oldest first, so that a worker may run for ever. */
const mostRemembered = 10_000;

export class Inventory {
  readonly #stock: Map<string, number>;
  readonly #reservations = new Map<string, Reservation>();

  /** @param stock pieces by SKU */
  constructor(stock: Map<string, number>) {
    this.#stock = stock;
  }

  available(sku: string): number {
    return this.#stock.get(sku) ?? 0;
  }

  /** @throws OutOfStock, UnknownSku; then nothing was set aside */
  reserve(key: string, items: readonly Wanted[], holdMinutes: number): Reservation {
    const earlier = this.#reservations.get(key);
    if (earlier !== undefined) return earlier;
    const wanted = new Map<string, number>();
    for (const { sku, quantity } of items) wanted.set(sku, (wanted.get(sku) ?? 0) + quantity);
    for (const [sku, quantity] of wanted) this.#check(sku, quantity);
    for (const [sku, quantity] of wanted) this.#stock.set(sku, this.available(sku) - quantity);
    const id = `res_${createHash("sha256").update(key).digest("hex").slice(0, 12)}`;
    const reservation = { id, expiresAt: new Date(Date.now() + holdMinutes * 60_000) };
    this.#remember(key, reservation);
    return reservation;
  }

  #check(sku: string, quantity: number): void {
    const stock = this.#stock.get(sku);
    if (stock === undefined) throw new UnknownSku(`there is no article ${sku}`);
    if (stock < quantity) throw new OutOfStock(`${quantity} of ${sku} wanted, ${stock} there`);
  }

  #remember(key: string, reservation: Reservation): void {
    this.#reservations.set(key, reservation);
    if (this.#reservations.size <= mostRemembered) return;
    const [oldest] = this.#reservations.keys();
    this.#reservations.delete(oldest!);
  }
}
