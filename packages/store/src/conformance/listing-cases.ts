/** What people look up: tasks by what is known of them, templates, counts. */
import type { TaskStatus } from "@tasker/engine";
import { beforeEach, describe, expect, test } from "vitest";
import type { TaskFilter } from "../queries.ts";
import { stepRow, taskRow, templateRow, turn, uuidOf } from "./rows.ts";
import type { Subject } from "./store-conformance.ts";

const statuses: readonly TaskStatus[] = ["in_progress", "blocked", "completed", "failed", "cancelled"];

/** 60 tasks, in every combination of status (5), template (4: two names, two namespaces, two versions) and tag. */
const tasks = Array.from({ length: 60 }, (_, index) =>
  taskRow(index + 1, {
    status: statuses[index % 5]!,
    templateId: 1 + (index % 4),
    tags: index % 3 === 0 ? ["urgent", `n${index}`] : [],
    idempotencyKey: index % 2 === 0 ? `order-${index}` : null,
    correlationId: index === 17 ? "50%_off" : null,
    initiator: index > 50 ? "Night Shift" : null,
  }),
);

const templates = [
  templateRow(1, { namespace: "shop", name: "order", version: "1.0.0" }),
  templateRow(2, { namespace: "shop", name: "refund", version: "1.0.0" }),
  templateRow(3, { namespace: "shop", name: "order", version: "1.10.0" }),
  templateRow(4, { namespace: "lab", name: "order", version: "1.9.0" }),
];

/** What the filter means, told as plainly as possible. */
function matches(filter: TaskFilter, task: (typeof tasks)[number]): boolean {
  const { namespace, name } = templates[task.templateId - 1]!.template;
  const texts = [
    task.id,
    `${namespace}/${name}`,
    task.idempotencyKey ?? "",
    task.correlationId ?? "",
    task.initiator ?? "",
  ];
  return (
    (filter.status == null || filter.status === task.status) &&
    (filter.namespace == null || filter.namespace === namespace) &&
    (filter.name == null || filter.name === name) &&
    (filter.tag == null || task.tags.includes(filter.tag)) &&
    (filter.q == null || [...texts, ...task.tags].some((text) => text.toLowerCase().includes(filter.q!.toLowerCase())))
  );
}

export function listingCases(subject: Subject): void {
  describe("lists of tasks", () => {
    beforeEach(() => subject.store.commit(turn({ newTemplates: templates, newTasks: tasks })));

    /** All pages of 7, which must never overlap or leave anything out. */
    async function allPages(filter: Omit<TaskFilter, "limit">): Promise<number[]> {
      const seen: number[] = [];
      let cursor: string | null = null;
      do {
        const page = await subject.queries.tasks({ ...filter, cursor, limit: 7 });
        seen.push(...page.items.map((task) => task.taskId));
        cursor = page.nextCursor;
      } while (cursor !== null && seen.length <= tasks.length);
      return seen;
    }

    const namespaces = [null, "shop", "lab", "nowhere"];
    const names = [null, "order", "refund"];
    const tags = [null, "urgent", "n30", "none"];
    const searches = [null, "order", "SHIFT", "0000042", "50%_", "%", "n3", "lab/"];

    test.each(searches)("find by status, namespace, name and tag, with q=%s, newest first", async (q) => {
      for (const status of [null, ...statuses]) {
        for (const namespace of namespaces) {
          for (const name of names) {
            for (const tag of tags) {
              const filter = { status, namespace, name, tag, q };
              const expected = tasks
                .filter((task) => matches({ ...filter, limit: 7 }, task))
                .map((task) => task.taskId);
              expect(await allPages(filter), JSON.stringify(filter)).toEqual(expected.reverse());
            }
          }
        }
      }
    });

    test("show what a task is", async () => {
      const { items, nextCursor } = await subject.queries.tasks({ q: "50%_off", limit: 10 });
      expect(nextCursor).toBeNull();
      expect(items).toEqual([
        {
          id: uuidOf(18),
          taskId: 18,
          namespace: "shop",
          name: "refund",
          version: "1.0.0",
          status: "completed",
          reason: null,
          priority: 0,
          tags: [],
          idempotencyKey: null,
          correlationId: "50%_off",
          initiator: null,
          createdAt: 1_018,
          startedAt: null,
          finishedAt: null,
        },
      ]);
    });

    test("say when the first step was leased", async () => {
      await subject.store.commit(
        turn({
          stepWrites: [
            { guard: null, row: stepRow(1, 60, { stepIndex: 1, startedAt: 4_000 }) },
            { guard: null, row: stepRow(2, 60, { stepIndex: 0, startedAt: 5_000 }) },
          ],
        }),
      );
      const { items } = await subject.queries.tasks({ limit: 1 });
      expect(items[0]).toMatchObject({ taskId: 60, startedAt: 4_000 });
    });

    test("go on where the page ended although newer tasks came in", async () => {
      const first = await subject.queries.tasks({ limit: 5 });
      await subject.store.commit(turn({ newTasks: [taskRow(61)] }));
      const second = await subject.queries.tasks({ limit: 5, cursor: first.nextCursor });
      expect(second.items.map((task) => task.taskId)).toEqual([55, 54, 53, 52, 51]);
    });

    test("have no next page when the last one is exactly full", async () => {
      expect((await subject.queries.tasks({ limit: 60 })).nextCursor).toBeNull();
      expect((await subject.queries.tasks({ limit: 59 })).nextCursor).not.toBeNull();
    });

    test("refuse a cursor and a status that do not exist", async () => {
      const list = async (filter: Partial<TaskFilter>) => subject.queries.tasks({ limit: 5, ...filter });
      await expect(list({ cursor: "xyz" })).rejects.toMatchObject({ code: "request_invalid" });
      await expect(list({ status: "done" as TaskStatus })).rejects.toMatchObject({
        code: "request_invalid",
        hint: expect.stringContaining("completed"),
      });
    });

    test("count by status", async () => {
      expect(await subject.queries.counts()).toEqual({
        in_progress: 12,
        blocked: 12,
        completed: 12,
        failed: 12,
        cancelled: 12,
      });
    });

    test("say how far tasks are", async () => {
      const steps = [
        stepRow(1, 1, { stepIndex: 0, state: "completed", answered: true, output: "1" }),
        stepRow(2, 1, { stepIndex: 1, state: "failed" }),
        stepRow(3, 1, { stepIndex: 2 }),
      ];
      await subject.store.commit(turn({ stepWrites: steps.map((row) => ({ guard: null, row })) }));
      // Task 1 has steps; task 2 has none yet; task 3 is completed, whatever its rows say; there is no task 99.
      expect(await subject.queries.progress([1, 2, 3, 99])).toEqual(
        new Map([
          [1, { total: 3, completed: 1, failed: 1, inProgress: 1 }],
          [2, { total: 3, completed: 0, failed: 0, inProgress: 0 }],
          [3, { total: 3, completed: 3, failed: 0, inProgress: 0 }],
        ]),
      );
    });

    test("say where one task stands", async () => {
      expect(await subject.queries.status(uuidOf(2))).toBe("blocked");
      expect(await subject.queries.status(uuidOf(99))).toBeNull();
    });

    test("answer null for a task that is not there", async () => {
      expect(await subject.queries.task(uuidOf(99))).toBeNull();
      expect(await subject.queries.task("no uuid")).toBeNull();
    });
  });

  describe("templates", () => {
    const versions = ["1.9.0", "1.10.0", "1.10.0-rc.1", "0.12.4"];

    beforeEach(() =>
      subject.store.commit(
        turn({
          newTemplates: [
            ...versions.map((version, index) => templateRow(index + 1, { namespace: "shop", name: "order", version })),
            templateRow(9, { namespace: "lab", name: "order", version: "2.0.0" }),
          ],
        }),
      ),
    );

    test("are listed by name, newest version first", async () => {
      const listed = await subject.queries.templates();
      expect(listed.map(({ namespace, version }) => `${namespace} ${version}`)).toEqual([
        "lab 2.0.0",
        "shop 1.10.0",
        "shop 1.10.0-rc.1",
        "shop 1.9.0",
        "shop 0.12.4",
      ]);
      expect(listed[0]).toEqual({
        namespace: "lab",
        name: "order",
        version: "2.0.0",
        description: "",
        steps: 3,
        createdAt: 1_000,
      });
    });

    test("are found by version, and without one the highest is", async () => {
      const version = async (asked: string | null) =>
        (await subject.queries.template("shop", "order", asked))?.template.version;
      expect(await version("1.9.0")).toBe("1.9.0");
      expect(await version(null)).toBe("1.10.0");
      expect(await version("3.0.0")).toBeUndefined();
      expect(await subject.queries.template("shop", "nothing", null)).toBeNull();
    });
  });
}
