import { beforeEach, expect, test } from "vitest";
import { Occupancy } from "../occupancy.ts";
import { OccupancyWatch } from "./occupancy-watch.ts";

let occupancy: Occupancy;
let watch: OccupancyWatch;

beforeEach(() => {
  occupancy = new Occupancy();
  watch = new OccupancyWatch(new Occupancy(occupancy.shared));
  for (const leaseId of ["b.1", "b.2"]) watch.handed({ origin: 0, leaseId, timeoutMs: 1_000 });
});

test("a handler that holds the thread beyond its time is noticed, once", () => {
  occupancy.begin(2);
  expect(watch.look(100)).toBeNull();
  expect(watch.wakesAt).toBe(1_100);
  expect(watch.look(1_099)).toBeNull();
  expect(watch.look(1_100)).toEqual({ origin: 0, leaseId: "b.2", timeoutMs: 1_000 });
  expect(watch.look(9_000)).toBeNull();
  expect(watch.wakesAt).toBe(Number.POSITIVE_INFINITY);
});

test("the time of one handler is not counted for the next", () => {
  occupancy.begin(1);
  watch.look(100);
  occupancy.end();
  occupancy.begin(2);
  expect(watch.look(1_100)).toBeNull();
  expect(watch.look(2_099)).toBeNull();
  expect(watch.look(2_100)?.leaseId).toBe("b.2");
});

test("nobody holds the thread: nothing to wait for", () => {
  occupancy.begin(1);
  watch.look(100);
  occupancy.end();
  expect(watch.look(5_000)).toBeNull();
  expect(watch.wakesAt).toBe(Number.POSITIVE_INFINITY);
});
