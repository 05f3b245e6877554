/** The order as the template's `input_schema` describes it: the context of every task. Money is in cents. */

export interface OrderItem {
  readonly sku: string;
  readonly quantity: number;
  readonly unit_price_cents: number;
}

export interface Order {
  readonly order_id: number;
  readonly customer_info: { readonly name: string; readonly email: string };
  readonly items: readonly OrderItem[];
  readonly total_cents: number;
  readonly payment: { readonly token: string };
  readonly shipping: {
    readonly method: "ground" | "express";
    readonly address: { readonly street: string; readonly city: string; readonly country: string };
  };
}
