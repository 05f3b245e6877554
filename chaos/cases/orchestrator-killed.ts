/** Faults 1 to 4: the orchestrator is killed, at any instant and at chosen ones. */
import type { Case } from "../scene.ts";
import { killAtCommit, trace } from "../system-faults.ts";
import { pause, until } from "../waiting.ts";
import type { World } from "../world.ts";
import { gatedTasks, underLoad } from "./scenery.ts";

export const killedAnyInstant: Case = {
  number: 1,
  recovery: "start to ready",
  withinMs: 5_000,
  async run(scene) {
    const world = await underLoad(scene);
    for (let kill = 0; kill < (scene.isLong ? 20 : 6); kill++) {
      await pause(50 + world.random.below(1_000));
      await world.killOrchestrator();
      scene.recovered(await world.orchestrator.start());
      scene.count("kills");
    }
  },
};

export const killedBeforeSend: Case = {
  number: 2,
  needs: ["strace"],
  recovery: "ready again to all of the steps done",
  async run(scene) {
    const world = await scene.open({ everyMs: null });
    world.startWorker("w1");
    await world.joined("w1");
    await trace(world.processes, world.orchestrator.pid, killAtCommit("fsync"), world.folder);
    const submitted = world.client.submitMany(5, { template: "chaos/chain", context: "{}" });
    await died(world);
    const unsent = (await world.audit()).tasks.flatMap(({ steps }) =>
      [...steps.values()].flatMap(({ leases }) => leases),
    );
    scene.count("leased, not sent", unsent.length);
    scene.must(unsent.length > 0, "the kill came after the commit of a lease");
    await world.orchestrator.start();
    const ready = performance.now();
    const ids = await submitted;
    await until("the steps that were leased are done", 60_000, async () => {
      const states = await Promise.all(ids.map((id) => world.orchestrator.task(id)));
      return states.every(({ steps }) => steps[0]!.status === "completed");
    });
    scene.recovered(performance.now() - ready);
  },
};

export const killedBeforeCommit: Case = {
  number: 3,
  needs: ["strace"],
  recovery: "ready again to the last result accepted",
  async run(scene) {
    const world = await scene.open({ everyMs: null });
    world.startWorker("w1");
    await world.joined("w1");
    const gated = await gatedTasks(world, 4);
    await trace(world.processes, world.orchestrator.pid, killAtCommit("write"), world.folder);
    gated.open();
    await died(world);
    await world.orchestrator.start();
    const ready = performance.now();
    const states = await world.settled(gated.ids);
    scene.recovered(performance.now() - ready);
    scene.count("results sent again", states.flatMap(({ steps }) => steps).length);
    scene.must(
      states.every(({ status, steps }) => status === "completed" && steps.every(({ attempt }) => attempt === 1)),
      "every result of the first attempts counts",
    );
  },
};

export const killedInRecovery: Case = {
  number: 4,
  recovery: "last start to ready",
  withinMs: 5_000,
  async run(scene) {
    const world = await underLoad(scene);
    const usually = await restart(world);
    for (let kill = 0; kill < (scene.isLong ? 20 : 6); kill++) {
      const started = world.orchestrator.launch();
      await pause(world.random.uniform() * 1.3 * usually);
      await started.kill();
      world.kills++;
      scene.count("kills");
    }
    scene.recovered(await world.orchestrator.start());
  },
};

async function restart(world: World): Promise<number> {
  await world.killOrchestrator();
  const ms = await world.orchestrator.start();
  await pause(500);
  await world.killOrchestrator();
  return ms;
}

/** strace has killed it. */
async function died(world: World): Promise<void> {
  await until("the orchestrator is killed at its commit", 60_000, () => !world.orchestrator.process!.isAlive);
  world.kills++;
}
