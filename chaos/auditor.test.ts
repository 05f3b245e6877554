/** A sound database passes; each way to break one is found, under its own name. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FindingName, findingMeanings } from "./audit/finding.ts";
import { type AuditFiles, audit } from "./auditor.ts";
import { gatedTasks } from "./cases/scenery.ts";
import { until } from "./waiting.ts";
import { World } from "./world.ts";

/** Files of a real run: ordinary tasks, retries, and a step in doubt. */
let sound: AuditFiles;
let folder: string;
let copies = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tasker-auditor-"));
  const world = await World.open({ seed: 1, everyMs: null });
  try {
    const victim = world.startWorker("victim");
    await world.joined("victim");
    const first = await gatedTasks(world, 1);
    const id = first.ids[0]!;
    await victim.kill();
    world.startWorker("w1");
    await world.joined("w1");
    await until("the lost step runs again", 60_000, async () => {
      const { steps } = await world.orchestrator.task(id);
      return steps.some(({ attempt, status }) => attempt === 2 && status === "in_progress");
    });
    const gated = await gatedTasks(world, 1);
    gated.open();
    const templates = ["chaos/diamond", "chaos/flaky"];
    await Promise.all(
      templates.map((template) => world.client.submit({ template, context: '{"account":9007199254740993}' })),
    );
    await world.settled(gated.ids);
    // The first task still waits for its gate.
    await world.client.cancel(id);
    await world.rest();
    await world.orchestrator.terminate();
    sound = keep(world.files(), join(folder, "sound"));
  } finally {
    await world.close();
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function keep({ database, clientLogs, workerLogs }: AuditFiles, into: string): AuditFiles {
  mkdirSync(into);
  const copy = (from: string, name: string) => {
    copyFileSync(from, join(into, name));
    return join(into, name);
  };
  return {
    database: copy(database, "tasker.db"),
    clientLogs: clientLogs.map((file, index) => copy(file, `client-${index}.log`)),
    workerLogs: workerLogs.map((file, index) => copy(file, `worker-${index}.log`)),
  };
}

const pageBytes = 4_096;

/** As the store packs it: step, from, to, attempt, lease, worker, actor, reason. */
type Packed = [string | null, string | null, string, number | null, string | null, string | null, string, string?];

interface Copy {
  sql(text: string): void;
  /** Changes the bytes of the page where a table or index begins. */
  page(of: string, edit: (bytes: Buffer) => void): void;
  /** Changes the entries of each turn in the history of the template's task. */
  history(template: string, edit: (entries: Packed[]) => Packed[]): void;
  clientLog(edit: (text: string) => string): void;
  workerLog(edit: (text: string) => string): void;
}

function copyOf({ database: path, clientLogs, workerLogs }: AuditFiles): Copy {
  const withDatabase = (use: (database: DatabaseSync) => void) => {
    const database = new DatabaseSync(path);
    database.exec("pragma foreign_keys = off");
    use(database);
    database.close();
  };
  const edited = (list: readonly string[]) => (edit: (text: string) => string) => {
    for (const file of list) writeFileSync(file, edit(readFileSync(file, "utf8")));
  };
  return {
    sql: (text) => withDatabase((database) => database.exec(text)),
    page: (of, edit) => {
      let place = 0;
      withDatabase((database) => {
        const { rootpage } = database.prepare("select rootpage from sqlite_schema where name = ?").get(of)!;
        place = ((rootpage as number) - 1) * pageBytes;
      });
      const bytes = readFileSync(path);
      edit(bytes.subarray(place, place + pageBytes));
      writeFileSync(path, bytes);
    },
    history: (template, edit) =>
      withDatabase((database) => {
        const rows = database.prepare(`select seq, transitions from history where task_id = ${taskOf(template)}`).all();
        const write = database.prepare("update history set transitions = ? where seq = ?");
        for (const { seq, transitions } of rows) {
          const entries = JSON.parse(transitions as string) as Packed[];
          write.run(JSON.stringify(edit(entries)), seq as number);
        }
      }),
    clientLog: edited(clientLogs),
    workerLog: edited(workerLogs),
  };
}

/** SQL for the number of this template's newest task. */
function taskOf(template: string): string {
  return `(select max(task_id) from tasks where template_id = (select template_id from templates where name = '${template}'))`;
}

/** Entries of one step that go from one state to another are replaced. */
function step(name: string | null, from: string, to: string, change: (entry: Packed) => Packed) {
  return (entries: Packed[]) =>
    entries.map((entry) => (entry[0] === name && entry[1] === from && entry[2] === to ? change(entry) : entry));
}

/** The same entry with other fields. */
function having(changes: Readonly<Record<number, string | number>>): (entry: Packed) => Packed {
  return (entry) => entry.map((value, index) => changes[index] ?? value) as Packed;
}

const withoutLines = (pattern: RegExp) => (text: string) =>
  text
    .split("\n")
    .filter((line) => !pattern.test(line))
    .join("\n");

/** Every way in which a run can be wrong, made by hand. */
const breakages: readonly [FindingName, string, (copy: Copy) => void][] = [
  [
    "database_damaged",
    "an index without entries",
    ({ page }) => page("tasks_by_template", (bytes) => bytes.fill(0, 3, 5)),
  ],
  [
    "task_missing",
    "a task that was deleted",
    ({ sql }) => sql(`delete from tasks where task_id = ${taskOf("diamond")}`),
  ],
  [
    "task_doubled",
    "a second task under the same key",
    ({ sql }) => {
      sql("drop index tasks_by_idempotency_key");
      sql("update tasks set idempotency_key = (select min(idempotency_key) from tasks)");
    },
  ],
  [
    "acknowledged_differently",
    "an acknowledgement that names another task",
    ({ clientLog }) =>
      clientLog((text) => {
        const [first, second] = [...text.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id!);
        return text.replace(first!, second!);
      }),
  ],
  [
    "context_changed",
    "a context with another last digit",
    ({ sql }) => sql("update task_contexts set context = replace(context, '9007199254740993', '9007199254740992')"),
  ],
  [
    "history_gap",
    "a history row that was deleted",
    ({ sql }) =>
      sql(`delete from history where seq = (select min(seq) from history where task_id = ${taskOf("flaky")})`),
  ],
  [
    "history_differs",
    "a step whose row has another lease",
    ({ sql }) => sql(`update steps set lease_id = 'other.1' where task_id = ${taskOf("diamond")}`),
  ],
  [
    "illegal_transition",
    "a step that is ready again after it was completed",
    ({ history }) =>
      history("diamond", step("top", "in_progress", "completed", having({ 1: "completed", 2: "ready" }))),
  ],
  [
    "unfinished",
    "a task that is in progress for ever",
    ({ history }) => history("diamond", step(null, "in_progress", "completed", having({ 2: "in_progress" }))),
  ],
  [
    "wrong_outcome",
    "a completed step without its output",
    ({ sql }) => sql(`update steps set output = null where task_id = ${taskOf("diamond")}`),
  ],
  [
    "orphan_lease",
    "a step in progress that nobody runs",
    ({ history }) => history("diamond", step("bottom", "in_progress", "completed", having({ 2: "in_progress" }))),
  ],
  [
    "applied_twice",
    "two results under one lease",
    ({ history }) => history("diamond", (entries) => entries.flatMap((entry) => [entry, entry])),
  ],
  [
    "foreign_result",
    "a result under a lease that the step never had",
    ({ history }) => history("diamond", step("top", "in_progress", "completed", having({ 4: "other.1" }))),
  ],
  [
    "lease_reused",
    "one lease for every attempt",
    ({ history }) => history("flaky", step("flaky", "ready", "in_progress", having({ 4: "other.1" }))),
  ],
  [
    "attempts_exceeded",
    "a template that allows one attempt less",
    ({ sql }) =>
      sql("update templates set document = replace(document, '\"limit\":50', '\"limit\":1') where name = 'flaky'"),
  ],
  [
    "child_before_parent",
    "a parent that never completed",
    ({ history }) => history("diamond", step("left", "in_progress", "completed", having({ 2: "failed" }))),
  ],
  [
    "child_before_parent",
    "a parent that ended after its child had begun, by the workers' clocks",
    ({ workerLog }) =>
      workerLog((text) =>
        text.replaceAll(/"at":\d+(,"event":"ended","task":"[^"]+","step":"top")/g, '"at":9999999999999$1'),
      ),
  ],
  [
    "hold_broken",
    "a step that may only be held, run again after it was lost",
    ({ sql }) => sql('update templates set document = replace(document, \'"on_lost":"retry"\', \'"on_lost":"hold"\')'),
  ],
  [
    "ran_without_lease",
    "a fourth attempt",
    ({ workerLog }) => workerLog((text) => text.replaceAll('"attempt":3', '"attempt":4')),
  ],
  ["ran_twice", "every execution twice", ({ workerLog }) => workerLog((text) => text + text)],
  ["result_from_nowhere", "no handler that ended", ({ workerLog }) => workerLog(withoutLines(/"ended"/))],
  [
    "output_changed",
    "an output of another attempt",
    ({ sql }) => sql(`update steps set output = '{"attempt":7}' where task_id = ${taskOf("diamond")}`),
  ],
];

describe("the auditor", () => {
  test("finds nothing in a sound run, and counts what is there", async () => {
    const { findings, totals } = await audit(sound);
    expect(findings).toEqual([]);
    expect(totals).toMatchObject({ tasks: 4, acknowledged: 4, completed: 3, cancelled: 1 });
  });

  test.each(breakages)("finds %s: %s", async (name, _what, spoil) => {
    const files = keep(sound, join(folder, `copy-${copies++}`));
    spoil(copyOf(files));
    const { findings } = await audit(files);
    expect(findings.map((finding) => finding.name)).toContain(name);
  });

  test("finds what its page says, and nothing else", () => {
    const page = readFileSync(join(import.meta.dirname, "../docs/internals/chaos.md"), "utf8");
    const table = /<!-- findings: .*?-->\n([\s\S]*?)<!-- \/findings -->/.exec(page)![1]!;
    const rows = table.split("\n").flatMap((line) => [...(/^\| `(\w+)` \| (.*) \|$/.exec(line)?.slice(1) ?? [])]);
    expect(rows).toEqual(Object.entries(findingMeanings).flat());
  });

  test("has a breakage for each thing that it can find", () => {
    const broken = new Set(breakages.map(([name]) => name));
    expect(Object.keys(findingMeanings).filter((name) => !broken.has(name as FindingName))).toEqual([]);
  });
});
