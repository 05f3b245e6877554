/** What the handlers reach outside themselves. Here both live in this process; in a shop they would be other systems. */
import { Inventory } from "./inventory.ts";
import { PaymentGateway } from "./payment-gateway.ts";

const plenty = 1_000_000;

export const inventory = new Inventory(
  new Map([
    ["TEA-EARL-GREY-250", plenty],
    ["TEA-DARJEELING-100", plenty],
    ["TEAPOT-CAST-IRON", plenty],
  ]),
);

export const gateway = new PaymentGateway();
