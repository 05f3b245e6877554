/** Faults 11 to 15 and 22 to 24: workers that die, stand still, block, kill, double or dawdle. */
import type { Case } from "../scene.ts";
import { pause, until } from "../waiting.ts";
import { againAfter, gatedTasks, historyOf, losses, nextLanguage, underLoad } from "./scenery.ts";

export const workerKilled: Case = {
  number: 11,
  recovery: "kill to the next attempt of its steps",
  withinMs: 5_000,
  async run(scene) {
    const world = await underLoad(scene);
    for (let kill = 0; kill < (scene.isLong ? 8 : 2); kill++) {
      const victim = world.startWorker("victim", { language: nextLanguage() });
      await world.joined("victim");
      const gated = await gatedTasks(world, 8);
      const at = Date.now();
      await world.killWorker(victim);
      const moved = await until("the victim's steps run again", 60_000, async () => {
        const histories = await Promise.all(gated.ids.map((id) => historyOf(world, id)));
        const lost = histories.flatMap((moments) => losses(moments).filter(({ worker }) => worker === "victim"));
        const again = histories.flatMap((moments) => againAfter(moments, at));
        const retried = lost.filter(({ step }) => step === "again").length;
        return retried > 0 && again.length >= retried ? { lost, again } : null;
      });
      scene.count("attempts lost", moved.lost.length);
      for (const ms of moved.again) scene.recovered(ms);
      gated.open();
    }
  },
};

export const workerStopped: Case = {
  number: 12,
  recovery: "stop to the next attempt of its steps",
  withinMs: 10_000,
  async run(scene) {
    const world = await underLoad(scene);
    const sleeper = world.startWorker("sleeper", { language: nextLanguage() });
    await world.joined("sleeper");
    const gated = await gatedTasks(world, 6);
    const at = Date.now();
    sleeper.signal("SIGSTOP");
    await until("the sleeper is lost", 60_000, async () =>
      (await world.orchestrator.workers()).every(({ id }) => id !== "sleeper"),
    );
    const histories = await Promise.all(gated.ids.map((id) => historyOf(world, id)));
    for (const ms of histories.flatMap((moments) => againAfter(moments, at))) scene.recovered(ms);
    const lost = histories.flatMap(losses).filter(({ worker }) => worker === "sleeper");
    scene.count("attempts lost", lost.length);
    sleeper.signal("SIGCONT");
    gated.open();
    const states = await world.settled(gated.ids);
    const held = states.flatMap(({ steps }) => steps).filter(({ name }) => name === "hold");
    await until("the late results are in", 60_000, async () => {
      const now = await Promise.all(gated.ids.map((id) => world.orchestrator.task(id)));
      return now.every(({ steps }) => steps.every(({ status }) => status !== "in_doubt"));
    });
    scene.must(
      held.every(({ attempt }) => attempt === 1),
      "a step with on_lost: hold is not run again",
    );
    scene.must(lost.length > 0, "the sleeper held steps when it was stopped");
  },
};

export const handlerBlocks: Case = {
  number: 13,
  async run(scene) {
    const world = await underLoad(scene);
    world.startWorker("busy", { handlers: ["chaos.busy"], concurrency: 1 });
    await world.joined("busy");
    for (const text of [blocking, hasty]) await world.orchestrator.putTemplate(text);
    const longer = scene.isLong ? 20_000 : 9_000;
    const patient = await world.client.submit({ template: "chaos/blocking", context: `{"ms":${longer}}` });
    const statuses = new Set<string>();
    await until("the handler has ended", 60_000, async () => {
      for (const { id, status } of await world.orchestrator.workers()) if (id === "busy") statuses.add(status);
      return (await world.orchestrator.task(patient)).status === "completed";
    });
    scene.count("seconds blocked", longer / 1000);
    scene.must([...statuses].join() === "ready", `heartbeats go on: the worker was ${[...statuses].join(", ")}`);
    const impatient = await world.client.submit({ template: "chaos/hasty", context: '{"ms":9000}' });
    const [state] = await world.settled([impatient]);
    const reason = state!.steps[0]!.error?.code;
    scene.must(state!.status === "failed" && reason === "timeout", `the timeout ends it: ${state!.status}, ${reason}`);
  },
};

const blocking = `
namespace: chaos
name: blocking
version: 1.0.0
steps:
  - { name: busy, handler: chaos.busy, timeout: 2m }
`;

const hasty = `
namespace: chaos
name: hasty
version: 1.0.0
steps:
  - { name: busy, handler: chaos.busy, timeout: 1s, on_lost: fail }
`;

export const orchestratorStopped: Case = {
  number: 14,
  recovery: "continued to all of its workers ready",
  withinMs: 10_000,
  async run(scene) {
    const world = await underLoad(scene);
    const gated = await gatedTasks(world, 4);
    const { process } = world.orchestrator;
    process!.signal("SIGSTOP");
    await pause(scene.isLong ? 60_000 : 15_000);
    process!.signal("SIGCONT");
    const at = performance.now();
    await world.joined("w1", "w2", "orders");
    scene.recovered(performance.now() - at);
    gated.open();
    await world.settled(gated.ids);
    const histories = await Promise.all(gated.ids.map((id) => historyOf(world, id)));
    const lost = histories.flatMap(losses);
    scene.count("leases kept", 3 * gated.ids.length - lost.length);
    scene.must(lost.length === 0, `no lease expires: ${lost.length} of ${3 * gated.ids.length} did`);
  },
};

const poison = `
namespace: chaos
name: poison
version: 1.0.0
steps:
  - { name: poison, handler: chaos.poison, retry: { limit: 2, base: 100ms } }
`;

export const poisonStep: Case = {
  number: 15,
  recovery: "submitted to dead after its last attempt",
  async run(scene) {
    const world = await underLoad(scene);
    await world.orchestrator.putTemplate(poison);
    const handlers = ["chaos.work", "chaos.poison"];
    const kept = ["p1", "p2"].map((id) => world.keepWorker(id, { handlers }));
    const at = performance.now();
    const ids = await world.client.submitMany(2, { template: "chaos/poison", context: "{}" });
    const states = await world.settled(ids);
    scene.recovered(performance.now() - at);
    for (const worker of kept) worker.stop();
    for (const { status, steps } of states) {
      scene.must(status === "failed", `the poison step fails: ${status}`);
      scene.must(steps[0]!.attempt === 3, `after its three attempts, not ${steps[0]!.attempt}`);
      scene.count("workers killed by it", steps[0]!.attempt);
    }
    world.kills += 6;
  },
};

export const sameWorkerId: Case = {
  number: 22,
  async run(scene) {
    const world = await underLoad(scene);
    const second = world.startWorker("w1");
    const { code } = await second.exited;
    scene.count("second workers refused", code === 0 ? 0 : 1);
    scene.must(code === 1, `the second one ends with 1, not ${code}`);
    scene.must(second.said.includes("duplicate_worker_id"), "it says why");
    scene.must(
      (await world.orchestrator.workers()).some(({ id }) => id === "w1"),
      "the first one works on",
    );
  },
};

export const sentToTheDead: Case = {
  number: 23,
  recovery: "death to the steps running elsewhere",
  withinMs: 10_000,
  async run(scene) {
    const world = await underLoad(scene, { transport: "tcp" });
    const link = await world.link();
    const victim = world.startWorker("victim", { link, concurrency: 50 });
    await world.joined("victim");
    link.keepOrchestratorSide(true);
    const at = Date.now();
    await world.killWorker(victim);
    const ids = await world.client.submitMany(20, { template: "chaos/chain", context: "{}" });
    await world.settled(ids);
    const histories = await Promise.all(ids.map((id) => historyOf(world, id)));
    const lost = histories.flatMap(losses).filter(({ worker }) => worker === "victim");
    scene.count("steps sent to the dead", lost.length);
    for (const ms of histories.flatMap((moments) => againAfter(moments, at))) scene.recovered(ms);
    scene.must(lost.length > 0, "steps were sent to the dead worker");
    link.keepOrchestratorSide(false);
  },
};

const slow = `
namespace: chaos
name: slow
version: 1.0.0
steps:
  - { name: slow, handler: chaos.slow }
`;

export const slowWorker: Case = {
  number: 24,
  async run(scene) {
    const world = await underLoad(scene);
    await world.orchestrator.putTemplate(slow);
    world.startWorker("slow", { handlers: ["chaos.slow", "chaos.work"], concurrency: 2 });
    await world.joined("slow");
    const waiting = world.client.submitMany(scene.isLong ? 60 : 16, { template: "chaos/slow", context: '{"ms":1000}' });
    let most = 0;
    const others = await world.client.submitMany(20, { template: "chaos/chain", context: "{}" });
    const slowOnes = await waiting;
    await until("the others have finished", 60_000, async () => {
      for (const { id, in_flight } of await world.orchestrator.workers())
        if (id === "slow") most = Math.max(most, in_flight);
      const states = await Promise.all(others.map((id) => world.orchestrator.task(id)));
      return states.every(({ status }) => status === "completed");
    });
    const open = await Promise.all(slowOnes.map((id) => world.orchestrator.task(id)));
    const behind = open.filter(({ status }) => status === "in_progress").length;
    scene.count("slow tasks still waiting when the others were done", behind);
    scene.must(most <= 2, `it holds at most its 2 slots, not ${most}`);
    scene.must(behind > 0, "the others were done first");
  },
};
