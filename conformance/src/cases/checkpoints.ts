/** Checkpoints: a cursor is sent until it is settled, and a later attempt begins from it. */
import { type Case, demand } from "../case.ts";
import { type Stage, saidOf } from "../stage.ts";

const needs = ["conformance.checkpoint"] as const;

interface Cursor {
  readonly seq: number;
  readonly position: number;
  readonly number: number;
}

export const checkpointCases: readonly Case[] = [
  {
    name: "checkpoints/survive-the-process",
    clauses: ["R-77", "R-81"],
    protocols: ["2.0"],
    needs,
    alone: true,
    async run(stage) {
      const config = { count: 6, interval_ms: 300, crash_at: 3 };
      const id = await stage.submit([
        { name: "import", handler: "conformance.checkpoint", config, retry: { limit: 3, base: "100ms" } },
      ]);
      await stage.ended();
      await stage.startWorker();
      const task = await stage.completes(id, 30_000);
      const [{ output, attempt } = { output: null, attempt: 0 }] = task.steps;
      const wanted = { started_at: 3, position: 6 };
      const got = output as Partial<typeof wanted> | null;
      const isIt = got?.started_at === wanted.started_at && got.position === wanted.position;
      demand(isIt, `${JSON.stringify(wanted)} of the second attempt`, JSON.stringify(output));
      demand(attempt === 2, "two attempts", String(attempt));
    },
  },
  {
    name: "checkpoints/repeated-until-settled",
    clauses: ["R-77", "R-80"],
    protocols: ["2.0"],
    needs,
    alone: true,
    async run(stage) {
      const acksPass = stage.rule((message) => (message.type === "checkpoint_ack" ? "drop" : undefined));
      const config = { count: 2, interval_ms: 1_500 };
      const id = await stage.submit([{ name: "import", handler: "conformance.checkpoint", config }]);
      const first = await stage.heard("the first cursor in three heartbeats", () => {
        const same = cursorsOf(stage).filter(({ seq, position }) => seq === 1 && position === 1);
        return same.length >= 3 && same[2];
      });
      acksPass();
      await stage.completes(id, 20_000);
      const later = cursorsOf(stage).filter(({ number }) => number > first!.number);
      demand(
        later.some(({ position }) => position === 2),
        "the second cursor",
        JSON.stringify(later),
      );
    },
  },
  {
    name: "checkpoints/counted-and-sent-before-the-result",
    clauses: ["R-77", "R-78"],
    protocols: ["2.0"],
    needs,
    alone: true,
    async run(stage) {
      const config = { count: 5, interval_ms: 20 };
      const id = await stage.submit([{ name: "import", handler: "conformance.checkpoint", config }]);
      await stage.completes(id, 20_000);
      const result = stage.fromWorker("results")[0]!;
      const cursors = cursorsOf(stage).filter(({ number }) => number < result.number);
      const shown = JSON.stringify(cursors.map(({ seq, position }) => ({ seq, position })));
      demand(cursors.at(-1)?.position === 5, "the last cursor before the result", shown, result);
      const rises = cursors.every(({ seq, position }, index) => {
        const before = cursors[index - 1];
        if (before === undefined || seq === before.seq) return before === undefined || position === before.position;
        return seq > before.seq && position > before.position;
      });
      demand(rises, "a seq that grows with every cursor, and stays the same for the same one", shown, result);
    },
  },
  {
    name: "checkpoints/reach-the-next-attempt-unchanged",
    clauses: ["R-81", "R-66"],
    protocols: ["2.0"],
    needs,
    async run(stage) {
      const cursor = { position: 9007199254740993n, note: "ü \ud83d\ude80", list: [null] };
      const batch = stage.give([
        { handler: "conformance.inspect", checkpoint: cursor, attempt: 2, retryLimit: 3 },
        { handler: "conformance.inspect" },
      ]);
      const later = await stage.completed(batch, 0);
      const { position, note } = later.output?.cursor ?? {};
      const isIt = position === cursor.position && note === cursor.note;
      demand(isIt, "the cursor as it was kept, its integer exact", later.item.output, later.message);
      const first = await stage.completed(batch, 1);
      demand(first.output?.cursor === null, '"cursor":null without one', first.item.output, first.message);
    },
  },
  {
    name: "checkpoints/under-a-lease-that-is-gone",
    clauses: ["R-80", "R-82", "R-83"],
    protocols: ["2.0"],
    needs,
    async run(stage) {
      // The orchestrator never gave this lease, so it refuses every cursor under it (stale_lease).
      const batch = stage.give([{ handler: "conformance.checkpoint", config: { count: 2, interval_ms: 100 } }]);
      await stage.heard(
        "a refusal of the cursor",
        ({ isFromWorker, type }) => !isFromWorker && type === "checkpoint_ack",
      );
      // Whether the handler waits for its cursors, and so fails, or not: its attempt ends, and the worker lives.
      await stage.result(batch);
      await stage.isWell();
    },
  },
];

/** Every cursor that was sent, as often as it was. */
function cursorsOf(stage: Stage): Cursor[] {
  return stage.fromWorker("heartbeat").flatMap((message) =>
    (saidOf(message, "heartbeat")?.checkpoints ?? []).map(({ seq, cursor }) => ({
      seq,
      position: (JSON.parse(cursor) as { position: number }).position,
      number: message.number,
    })),
  );
}
