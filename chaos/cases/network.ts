/** Faults 16 to 21: a network that holds, loses, doubles and reorders what it carries. */

import type { Fate } from "../link.ts";
import type { Case } from "../scene.ts";
import { LossyNetwork } from "../system-faults.ts";
import { pause, until } from "../waiting.ts";
import type { World } from "../world.ts";
import { againAfter, gatedTasks, historyOf, losses, nextLanguage, underLoad } from "./scenery.ts";

export const deafWorker: Case = {
  number: 16,
  recovery: "cut to its steps running elsewhere",
  withinMs: 10_000,
  async run(scene) {
    const world = await underLoad(scene, { transport: "tcp" });
    const link = await world.link();
    world.startWorker("deaf", { link, concurrency: 50, language: nextLanguage() });
    await world.joined("deaf");
    link.hold("to worker");
    const at = Date.now();
    const ids = await world.client.submitMany(20, { template: "chaos/chain", context: "{}" });
    await world.settled(ids);
    await pause(scene.isLong ? 20_000 : 5_000);
    link.heal();
    const histories = await Promise.all(ids.map((id) => historyOf(world, id)));
    const lost = histories.flatMap(losses).filter(({ worker }) => worker === "deaf");
    scene.count("steps sent in vain", lost.length);
    for (const ms of histories.flatMap((moments) => againAfter(moments, at))) scene.recovered(ms);
    scene.must(lost.length > 0, "steps were sent to the deaf worker");
  },
};

export const halfOpen: Case = {
  number: 17,
  recovery: "silence to a new session",
  withinMs: 6_000,
  async run(scene) {
    const world = await underLoad(scene, { transport: "tcp" });
    const link = await world.link();
    world.startWorker("far", { link, language: nextLanguage() });
    await world.joined("far");
    for (let round = 0; round < (scene.isLong ? 5 : 2); round++) {
      const before = await sessionOf(world, "far");
      const at = performance.now();
      link.silence();
      await until("the worker has a new session", 60_000, async () => {
        const now = await sessionOf(world, "far");
        return now !== undefined && now !== before;
      });
      scene.recovered(performance.now() - at);
      scene.count("sessions rebuilt");
    }
  },
};

async function sessionOf(world: World, id: string): Promise<string | undefined> {
  const workers = await world.orchestrator.workers();
  return workers.find((worker) => worker.id === id && worker.status === "ready")?.key;
}

export const partition: Case = {
  number: 18,
  recovery: "healed to the worker ready again",
  withinMs: 10_000,
  async run(scene) {
    const world = await underLoad(scene, { transport: "tcp" });
    const link = await world.link();
    world.startWorker("far", { link, language: nextLanguage() });
    await world.joined("far");
    for (let round = 0; round < (scene.isLong ? 2 : 1); round++) {
      const gated = await gatedTasks(world, 6);
      link.hold("to worker", "to orchestrator");
      gated.open();
      await pause(scene.isLong ? 60_000 : 12_000);
      link.heal();
      const at = performance.now();
      await world.joined("far");
      scene.recovered(performance.now() - at);
      const histories = await Promise.all(gated.ids.map((id) => historyOf(world, id)));
      scene.count("attempts lost", histories.flatMap(losses).length);
    }
    const { late_applied, late_recorded } = await world.orchestrator.resultCounts();
    scene.count("late results", late_applied + late_recorded);
  },
};

export const packetLoss: Case = {
  number: 19,
  needs: ["netns"],
  recovery: "the link is sound again to the last task done",
  async run(scene) {
    const network = new LossyNetwork(20, 60);
    scene.afterwards(() => network.remove());
    const world = await scene.open({
      transport: "tcp",
      address: network.address,
      serverEnv: { TASKER_STEP_EXECUTION_ALLOW_INSECURE_TCP: "true" },
      withoutTemplates: ["fulfillment/process_order"],
    });
    world.startWorker("far", { inside: network.inside, language: nextLanguage() });
    await world.joined("far");
    world.load!.start();
    await pause(scene.isLong ? 60_000 : 10_000);
    const done = await world.orchestrator.get<{ items: unknown[] }>("/v1/tasks?status=completed&limit=1000");
    scene.count("packets lost", network.lost());
    scene.count("tasks completed meanwhile", done.items.length);
    scene.must(done.items.length > 0, "tasks complete over the lossy link");
    network.mend();
    const at = performance.now();
    await world.rest();
    scene.recovered(performance.now() - at);
  },
};

export const doubledAndReordered: Case = {
  number: 20,
  async run(scene) {
    await disturbed(scene, (roll) => (roll < 0.3 ? "double" : roll < 0.6 ? "later" : "pass"));
  },
};

export const resultsLost: Case = {
  number: 21,
  recovery: "no more losses to every result acknowledged",
  async run(scene) {
    await disturbed(scene, (roll, text) => (roll < 0.3 && /^results |"result_ack"/.test(text) ? "lose" : "pass"));
  },
};

/** Load through two workers whose messages are disturbed, for a while. */
async function disturbed(scene: Parameters<Case["run"]>[0], fate: (roll: number, text: string) => Fate): Promise<void> {
  const world = await scene.open({ transport: "tcp" });
  const links = [await world.link(), await world.link()];
  for (const [index, link] of links.entries()) world.startWorker(`w${index}`, { link, language: nextLanguage() });
  world.startWorker("orders", { language: "orders", link: links[0]! });
  await world.joined("w0", "w1", "orders");
  for (const link of links) link.decide((text) => fate(world.random.uniform(), text));
  world.load!.start();
  await pause(scene.isLong ? 30_000 : 8_000);
  for (const link of links) link.decide(null);
  const at = performance.now();
  await world.rest();
  scene.recovered(performance.now() - at);
  for (const { counts } of links) {
    if (counts.lose > 0) scene.count("messages lost", counts.lose);
    if (counts.double > 0) scene.count("messages doubled", counts.double);
    if (counts.later > 0) scene.count("messages overtaken", counts.later);
  }
}
