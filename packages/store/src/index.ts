export { openQueries } from "./open-queries.ts";
export { type DatabaseOptions, openStore } from "./open-store.ts";
export type * from "./queries.ts";
