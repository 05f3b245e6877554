/** Turns and tables go on side by side; a turn waits only while too much waits for the tables. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "@tasker/engine";
import { afterEach, beforeEach, expect, test } from "vitest";
import { taskRow, turn } from "../conformance/rows.ts";
import { applyMigrations } from "./apply-migrations.ts";
import { openReader, openWriter } from "./connection.ts";
import { lockDatabase } from "./lock.ts";
import { getPublished } from "./queries/get-published.ts";
import { type Publishing, type PublishingEvents, SqliteStore } from "./sqlite-store.ts";
import { TurnLog } from "./turn-log.ts";

/** Publishes when the test says so. */
class HeldPublishing implements Publishing {
  readonly #events: PublishingEvents;
  #progress = Promise.withResolvers<void>();

  constructor(events: PublishingEvents) {
    this.#events = events;
  }

  take(): void {}

  publish(): Promise<void> {
    return Promise.reject(new StoreError("busy", "held"));
  }

  progress(): Promise<void> {
    return this.#progress.promise;
  }

  close(): void {}

  /** The tables are at this turn now. */
  reach(turn: number): void {
    this.#events.published(turn, false);
    this.#goOn();
  }

  fail(): void {
    this.#events.failed(new StoreError("busy", "another program holds the database"));
    this.#goOn();
  }

  #goOn(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers<void>();
  }
}

const rowsPerTurn = 1_000;
/** As many turns as may wait for the tables. */
const turnsAhead = 6;

let folder: string;
let store: SqliteStore;
let publishing: HeldPublishing;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tasker-behind-"));
  const database = join(folder, "tasker.db");
  const lock = lockDatabase(database);
  const writer = openWriter(database);
  applyMigrations(writer, database);
  const { turn: published, lineage } = getPublished(writer);
  writer.close();
  const { log } = TurnLog.open(database, lineage, published);
  store = new SqliteStore(openReader(database), lock, log, published, (events) => {
    publishing = new HeldPublishing(events);
    return publishing;
  });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

/** Turn `number` creates its share of tasks. @returns whether it has ended, and when */
function commit(number: number): { readonly done: () => boolean; readonly end: Promise<void> } {
  const first = (number - 1) * rowsPerTurn + 1;
  const newTasks = Array.from({ length: rowsPerTurn }, (_, index) => taskRow(first + index));
  let done = false;
  const end = Promise.resolve(store.commit(turn({ newTasks }))).then(() => {
    done = true;
  });
  return { done: () => done, end };
}

/** Lets every promise go on that can. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function fill(): Promise<void> {
  for (let number = 1; number <= turnsAhead; number++) await commit(number).end;
}

test("a turn too many waits until the tables have gone on, not until they have everything", async () => {
  await fill();
  const oneTooMany = commit(turnsAhead + 1);
  await settle();
  expect(oneTooMany.done()).toBe(false);
  publishing.reach(0);
  await settle();
  expect(oneTooMany.done()).toBe(false);
  publishing.reach(1);
  await oneTooMany.end;
  const next = commit(turnsAhead + 2);
  await settle();
  expect(next.done()).toBe(false);
  publishing.reach(turnsAhead + 2);
  await next.end;
});

test("it does not wait for tables that cannot go on; the next turn is refused", async () => {
  await fill();
  const oneTooMany = commit(turnsAhead + 1);
  publishing.fail();
  await oneTooMany.end;
  await expect(commit(turnsAhead + 2).end).rejects.toMatchObject({ name: "StoreError", failure: "busy" });
});
