/** Faults 25, 26, 29, 39 and 41: races, clocks, orderly stops, and what changes while tasks run. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Case } from "../scene.ts";
import { FakeClock } from "../system-faults.ts";
import { pause, until } from "../waiting.ts";
import { restsWithinMs, type World } from "../world.ts";
import { historyOf, losses, lossReasons, nextLanguage, underLoad } from "./scenery.ts";

const close = `
namespace: chaos
name: close
version: 1.0.0
steps:
  - { name: close, handler: chaos.work, timeout: 300ms, retry: { limit: 5, backoff: none } }
`;

/** A worker of protocol 1.0 has no timeouts of its own, so it is the orchestrator that expires: the sum of those of its batch + 5 s. */
const closePlain = `
namespace: chaos
name: close_plain
version: 1.0.0
steps:
  - { name: plain, handler: plain.work, timeout: 100ms, retry: { limit: 5, backoff: none } }
`;

/** The plain worker runs one step after the other, each about this long, and each up to six times. */
const plainMs = 5_090;
const plainAttempts = 6;

export const resultAndTimeout: Case = {
  number: 25,
  async run(scene) {
    const world = await underLoad(scene);
    for (const text of [close, closePlain]) await world.orchestrator.putTemplate(text);
    world.startWorker("plain", { language: "plain" });
    const count = scene.isLong ? 100 : 30;
    const submissions = Array.from({ length: count }, () =>
      world.client.submit({ template: "chaos/close", context: `{"ms":${284 + world.random.below(24)}}` }),
    );
    const plainCount = scene.isLong ? 10 : 2;
    for (let index = 0; index < plainCount; index++) {
      submissions.push(
        world.client.submit({ template: "chaos/close_plain", context: `{"ms":${plainMs + world.random.below(20)}}` }),
      );
    }
    const ids = await Promise.all(submissions);
    await world.settled(ids, restsWithinMs + plainCount * plainAttempts * plainMs);
    const moments = (await Promise.all(ids.map((id) => historyOf(world, id)))).flat();
    const timeouts = moments.filter(({ from, reason }) => from === "in_progress" && reason === "timeout").length;
    const completed = moments.filter(({ step, to }) => step !== null && to === "completed").length;
    scene.count("timeouts that won", timeouts);
    scene.count("results that won", completed);
    scene.count("results that came late", moments.filter(({ reason }) => reason === "late_result").length);
  },
};

const brief = `
namespace: chaos
name: brief
version: 1.0.0
steps:
  - { name: one, handler: chaos.work }
  - { name: two, handler: chaos.work, depends_on: [one] }
`;

export const cancelAndCompletion: Case = {
  number: 26,
  async run(scene) {
    const world = await underLoad(scene);
    await world.orchestrator.putTemplate(brief);
    const count = scene.isLong ? 300 : 60;
    const race = async () => {
      const id = await world.client.submit({ template: "chaos/brief", context: `{"ms":${world.random.below(40)}}` });
      await pause(world.random.below(100));
      const told = await world.client.cancel(id);
      const [state] = await world.settled([id]);
      scene.count(`tasks that were ${state!.status}`);
      const agrees = (told === "cancelled") === (state!.status === "cancelled");
      scene.must(agrees, `what the client was told (${told}) is what became of task ${id} (${state!.status})`);
    };
    for (let begun = 0; begun < count; begun += 10) await Promise.all(Array.from({ length: 10 }, race));
  },
};

const later = `
namespace: chaos
name: later
version: 1.0.0
steps:
  - name: later
    handler: chaos.work
    config: { fails: 1 }
    retry: { limit: 5, backoff: fixed, base: 3s, jitter: 0 }
`;

export const clockJumps: Case = {
  number: 29,
  needs: ["faketime"],
  recovery: "jump to the retry that was due 3 s after its failure",
  withinMs: 6_000,
  async run(scene) {
    const folder = mkdtempSync(join(tmpdir(), "tasker-chaos-clock-"));
    scene.afterwards(() => rmSync(folder, { recursive: true }));
    const clock = new FakeClock(folder);
    const world = await underLoad(scene, { serverEnv: clock.env });
    await world.orchestrator.putTemplate(later);
    for (const offset of scene.isLong ? ["+1d", "-1d", "+0", "-1d", "+1d", "+0"] : ["+1d", "-1d"]) {
      const submission = { template: "chaos/later", context: "{}" };
      const ids = await world.client.submitMany(5, submission);
      await until("the first attempts have failed", 60_000, async () => {
        const states = await Promise.all(ids.map((id) => world.orchestrator.task(id)));
        return states.every(({ steps }) => steps[0]!.status === "waiting_for_retry");
      });
      const at = performance.now();
      clock.set(offset);
      scene.count("jumps of the clock");
      await world.settled(ids);
      scene.recovered(performance.now() - at);
      await pause(1_000);
    }
    const lost = await lossesOf(world);
    scene.must(lost.length === 0, `no lease expires, but: ${lost.join("; ")}`);
  },
};

export const orderlyStops: Case = {
  number: 39,
  recovery: "SIGTERM of the orchestrator to the next one ready",
  withinMs: 10_000,
  async run(scene) {
    const world = await underLoad(scene);
    for (let round = 0; round < (scene.isLong ? 8 : 2); round++) {
      for (const id of ["w3", "w4"]) {
        const worker = world.startWorker(`${id}-${round}`, { language: nextLanguage() });
        await world.joined(`${id}-${round}`);
        await pause(500);
        const { code } = await worker.terminate();
        scene.must(code === 0, `a worker ends with 0 at SIGTERM, not with ${code}`);
        scene.count("workers stopped");
      }
      const at = performance.now();
      await world.keepCounts();
      const { code } = await world.orchestrator.terminate();
      scene.must(code === 0, `the orchestrator ends with 0 at SIGTERM, not with ${code}`);
      await world.orchestrator.start();
      scene.recovered(performance.now() - at);
      scene.count("orchestrators stopped");
      await world.joined("w1", "w2", "orders");
      await pause(500);
    }
    const lost = await lossesOf(world);
    scene.must(lost.length === 0, `no attempt is lost, but: ${lost.join("; ")}`);
  },
};

/** Every attempt of the whole world that ended without a result, once it is at rest. */
async function lossesOf(world: World): Promise<string[]> {
  await world.rest();
  const { tasks } = await world.audit();
  return tasks.flatMap(({ task }) =>
    task.events
      .filter(({ from, reason }) => from === "in_progress" && lossReasons.includes(reason ?? ""))
      .map(({ step, at, worker_id, reason }) => `${step} at ${worker_id}: ${reason}, ${new Date(at).toISOString()}`),
  );
}

const changing = (version: string, name: string) => `
namespace: chaos
name: changing
version: ${version}
steps:
  - { name: first, handler: chaos.work, config: { ms: 2000 } }
  - { name: ${name}, handler: chaos.work, depends_on: [first] }
`;

export const mixedVersions: Case = {
  number: 41,
  async run(scene) {
    const world = await underLoad(scene);
    await world.orchestrator.putTemplate(changing("1.0.0", "old"));
    await world.orchestrator.putTemplate(closePlain);
    world.startWorker("plain", { language: "plain" });
    const before = await world.client.submitMany(5, { template: "chaos/changing", context: "{}" });
    await world.orchestrator.putTemplate(changing("2.0.0", "new"));
    const after = await world.client.submitMany(5, { template: "chaos/changing", context: "{}" });
    const plain = await world.client.submitMany(5, { template: "chaos/close_plain", context: "{}" });
    const names = async (ids: readonly string[]) =>
      new Set((await world.settled(ids)).flatMap(({ steps }) => steps.map(({ name }) => name)));
    scene.must((await names(before)).has("old"), "a task finishes with the version that it began with");
    scene.must((await names(after)).has("new"), "a new task has the new version");
    const states = await world.settled(plain);
    scene.must(
      states.every(({ status }) => status === "completed"),
      "a worker of protocol 1.0 works beside those of 2.0",
    );
    const lost = (await Promise.all([...before, ...after].map((id) => historyOf(world, id)))).flatMap(losses);
    scene.must(lost.length === 0, "nothing is lost by it");
    scene.count("tasks across the change", before.length);
    scene.count("steps run by a worker of 1.0", plain.length);
  },
};
