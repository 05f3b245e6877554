/** What the steps do: nothing. */
import { payload } from "../peer.ts";

export async function step(): Promise<typeof payload> {
  return payload;
}
