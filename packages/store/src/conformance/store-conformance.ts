/**
 * What every store must do, as cases that any of them runs: each named for a behaviour, each on a fresh database. A new
 * store is done when it passes these.
 */

import type { Store } from "@tasker/engine";
import { afterEach, beforeEach, describe } from "vitest";
import type { Queries } from "../queries.ts";
import { checkpointCases } from "./checkpoint-cases.ts";
import { commitCases } from "./commit-cases.ts";
import { guardCases } from "./guard-cases.ts";
import { historyCases } from "./history-cases.ts";
import { listingCases } from "./listing-cases.ts";
import { payloadCases } from "./payload-cases.ts";
import { randomTurnCases } from "./random-turn-cases.ts";
import { recoveryCases } from "./recovery-cases.ts";

/** A database of its own, open. */
export interface OpenDatabase {
  readonly store: Store;
  readonly queries: Queries;
  /** Closes both and opens them again on the same data. */
  reopen(): Promise<OpenDatabase>;
  /** Closes both and removes the data. */
  dispose(): Promise<void>;
}

/** What a case works with. Replaced by `reopen`. */
export interface Subject {
  store: Store;
  /** They see what is committed. */
  queries: Queries;
  /** They see what has been published. */
  published: Queries;
  reopen(): Promise<void>;
}

/** Readers see what is published, so it is, before each question. */
export function publishedFirst({ store, queries }: Omit<OpenDatabase, "reopen" | "dispose">): Queries {
  return new Proxy(queries, {
    get(target, name: keyof Queries) {
      const ask = target[name] as (...args: unknown[]) => unknown;
      return async (...args: unknown[]) => {
        await store.publish();
        return ask.apply(target, args);
      };
    },
  });
}

/** @param open makes a fresh, empty database */
export function storeConformance(name: string, open: () => Promise<OpenDatabase>): void {
  describe(`${name} as a store`, () => {
    let database: OpenDatabase;
    const subject = {} as Subject;
    const use = (opened: OpenDatabase): void => {
      database = opened;
      subject.store = opened.store;
      subject.published = opened.queries;
      subject.queries = publishedFirst(opened);
    };
    subject.reopen = async () => use(await database.reopen());

    beforeEach(async () => use(await open()));
    afterEach(() => database.dispose());

    commitCases(subject);
    guardCases(subject);
    checkpointCases(subject);
    payloadCases(subject);
    recoveryCases(subject);
    historyCases(subject);
    listingCases(subject);
    randomTurnCases(open);
  });
}
