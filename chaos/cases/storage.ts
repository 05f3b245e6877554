/** Faults 5 to 10: power, fsync, space, corruption, migrations, and a second orchestrator on the same files. */
import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Orchestrator } from "../orchestrator.ts";
import { readDisk, watchDisk } from "../power-cut.ts";
import { auditPowerCuts } from "../power-cut-audit.ts";
import type { Case, Scene } from "../scene.ts";
import { failFsync, SmallDisk, trace } from "../system-faults.ts";
import { orderOfCalls } from "../trace-order.ts";
import { pause, until } from "../waiting.ts";
import type { World } from "../world.ts";
import { underLoad } from "./scenery.ts";

export const powerLoss: Case = {
  number: 5,
  needs: ["strace"],
  async run(scene) {
    const world = await scene.open({ everyMs: null });
    world.startWorker("w1");
    await world.joined("w1");
    await replyAfterFsync(scene, world);
    await powerCuts(scene, world);
  },
};

/** One task alone: each reply, batch and ack leaves after the fsync of what it says. */
async function replyAfterFsync(scene: Scene, world: World): Promise<void> {
  const file = join(world.folder, "order-of-calls");
  const calls = "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg,recvfrom,recvmsg,read";
  const args = ["-y", "-s", "4096", "-e", calls, "-o", file];
  const tracer = await trace(world.processes, world.orchestrator.pid, args, world.folder);
  await world.settled([await world.client.submit({ template: "chaos/chain", context: "{}" })]);
  tracer.signal("SIGINT");
  await tracer.exited;
  const { replies, acks, batches, unsynced } = orderOfCalls(readFileSync(file, "latin1"));
  scene.count("replies after their fsync", replies);
  scene.count("batches after their fsync", batches);
  scene.count("acks after their fsync", acks);
  scene.must(replies >= 1 && batches >= 1 && acks >= 4, "the trace shows a reply, batches and an ack for each step");
  scene.must(unsynced.length === 0, `nothing leaves before its fsync: ${unsynced.join("; ")}`);
}

/** Disks as they would have been left at random moments under load: what was said by then is on each of them. */
async function powerCuts(scene: Scene, world: World): Promise<void> {
  const file = join(world.folder, "disk-calls");
  const tracer = await trace(world.processes, world.orchestrator.pid, [...watchDisk, "-o", file], world.folder);
  const before = readDisk(world.database);
  const templates = ["chaos/chain", "chaos/diamond", "chaos/fan", "chaos/flaky"];
  for (let round = 0; round < (scene.isLong ? 15 : 4); round++) {
    await world.settled(
      await Promise.all(templates.map((template) => world.client.submit({ template, context: "{}" }))),
    );
  }
  tracer.signal("SIGINT");
  await tracer.exited;
  const { replies, acks, broken, cuts } = await auditPowerCuts({
    trace: file,
    before,
    cuts: scene.isLong ? 60 : 15,
    seed: world.random.below(2 ** 31),
    folder: join(world.folder, "cuts"),
  });
  scene.count("power cuts", cuts);
  scene.count("replies kept", replies);
  scene.count("acks kept", acks);
  for (const one of broken) scene.must(false, one);
  scene.must(replies > 0 && acks > 0, "the power fails after replies and acks");
}

export const fsyncFails: Case = {
  number: 6,
  needs: ["strace"],
  recovery: "start to ready, once the disk is sound",
  withinMs: 5_000,
  async run(scene) {
    const world = await underLoad(scene);
    await pause(500);
    world.load!.stop();
    await until("every task is acknowledged", 60_000, () => world.client.pending === 0);
    const { process } = world.orchestrator;
    await trace(world.processes, process!.pid, failFsync, world.folder);
    const acknowledged = world.client.acknowledged;
    world.load!.start();
    const { code } = await process!.exited;
    const since = world.client.acknowledged - acknowledged;
    scene.count("acknowledged although fsync failed", since);
    scene.must(since === 0, `nothing is acknowledged: ${since} tasks were`);
    scene.must(code !== 0, `it ends with an error, not with ${code}`);
    scene.must(process!.said.includes('"event":"engine.failed"'), "its log says why");
    scene.recovered(await world.orchestrator.start());
  },
};

export const fullDisk: Case = {
  number: 7,
  needs: ["tmpfs"],
  recovery: "space again to the next task acknowledged",
  async run(scene) {
    const disk = new SmallDisk(join("/tmp", `tasker-chaos-disk-${process.pid}`), 24);
    scene.afterwards(() => disk.unmount());
    const world = await underLoad(scene, { databaseFolder: disk.folder });
    const first = await world.client.submit({ template: "chaos/chain", context: "{}" });
    await world.settled([first]);
    for (let round = 0; round < (scene.isLong ? 4 : 1); round++) {
      disk.fill();
      const refused = world.client.refusals.storage_full ?? 0;
      await until(
        "submissions are refused as storage_full",
        60_000,
        () => (world.client.refusals.storage_full ?? 0) > refused + 5,
      );
      scene.must((await world.orchestrator.task(first)).status === "completed", "reading goes on");
      const before = world.client.acknowledged;
      disk.free();
      const at = performance.now();
      await until("tasks are acknowledged again", 60_000, () => world.client.acknowledged > before);
      scene.recovered(performance.now() - at);
    }
    scene.must(world.orchestrator.process!.said.includes('"event":"disk.low"'), "the log warns before");
    scene.count("refused with 503 storage_full", world.client.refusals.storage_full!);
    scene.must(world.orchestrator.process!.isAlive, "the orchestrator lives through it");
  },
};

export const corruptDatabase: Case = {
  number: 8,
  async run(scene) {
    const world = await underLoad(scene);
    await pause(1_500);
    await world.rest();
    await world.orchestrator.terminate();
    const size = statSync(world.database).size;
    for (const { what, spoil, says } of spoilings) {
      const folder = join(world.folder, what.replaceAll(" ", "-"));
      mkdirSync(folder);
      const database = join(folder, "tasker.db");
      copyFileSync(world.database, database);
      spoil(database, size);
      const { code, said } = await refused(world, database, folder);
      scene.count("damaged files refused", code === 0 ? 0 : 1);
      scene.must(code !== 0, `${what}: it does not start`);
      scene.must(says.test(said), `${what}: it says why, not: ${said.slice(-300)}`);
    }
    await world.orchestrator.start();
  },
};

interface Spoiling {
  readonly what: string;
  readonly spoil: (database: string, size: number) => void;
  readonly says: RegExp;
}

const spoilings: readonly Spoiling[] = [
  { what: "not a database", spoil: (file) => writeFileSync(file, "x".repeat(8_192)), says: /not a database/ },
  { what: "cut in half", spoil: (file, size) => truncateSync(file, Math.floor(size / 2)), says: /damaged|malformed/ },
  {
    what: "pages overwritten",
    spoil: (file, size) => {
      const bytes = readFileSync(file);
      bytes.fill(0xa5, 4_096, size);
      writeFileSync(file, bytes);
    },
    says: /damaged|malformed/,
  },
  {
    what: "a newer schema",
    spoil: (file) => {
      const database = new DatabaseSync(file);
      database.exec(
        "insert into schema_migrations select version + 1000, 'of the future', checksum, applied_at from schema_migrations",
      );
      database.close();
    },
    says: /knows versions up to/,
  },
];

/** Starts an orchestrator that should not start. */
async function refused(world: World, database: string, folder: string): Promise<{ code: number | null; said: string }> {
  const endpoint = (name: string) => `ipc://${join(folder, `${name}.sock`)}`;
  const second = new Orchestrator(world.processes, folder, {
    database,
    steps: endpoint("steps"),
    results: endpoint("results"),
  });
  const started = second.launch();
  const ready = new Promise<"ready">((resolve) => started.lines.once("line", () => resolve("ready")));
  const outcome = await Promise.race([started.exited, ready]);
  if (outcome === "ready") {
    await started.kill();
    return { code: 0, said: `it started: ${started.said}` };
  }
  return { code: outcome.code, said: started.said };
}

export const migrationKilled: Case = {
  number: 9,
  needs: ["strace"],
  recovery: "next start to ready",
  withinMs: 5_000,
  async run(scene) {
    const world = await underLoad(scene);
    for (const write of scene.isLong ? [1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 25, 30] : [1, 5, 12]) {
      const folder = join(world.folder, `migration-${write}`);
      mkdirSync(folder);
      const database = join(folder, "tasker.db");
      const endpoint = (name: string) => `ipc://${join(folder, `${name}.sock`)}`;
      const options = { database, steps: endpoint("steps"), results: endpoint("results") };
      const kill = ["strace", "-D", "-f", "-o", "/dev/null", "-e", `inject=pwrite64:signal=SIGKILL:when=${write}`];
      const victim = new Orchestrator(world.processes, folder, { ...options, inside: kill });
      const { signal } = await victim.launch().exited;
      scene.must(signal === "SIGKILL", `write ${write} of the first start is its last`);
      scene.count("first starts killed");
      const next = new Orchestrator(world.processes, folder, options);
      scene.recovered(await next.start());
      const { items } = await next.get<{ items: unknown[] }>("/v1/tasks");
      scene.must(items.length === 0, "the new database is empty and works");
      scene.must((await next.terminate()).code === 0, "it stops in order");
    }
  },
};

export const secondOrchestrator: Case = {
  number: 10,
  async run(scene) {
    const world = await underLoad(scene);
    const folder = join(world.folder, "second");
    mkdirSync(folder);
    const sameDatabase = await refused(world, world.database, folder);
    scene.must(sameDatabase.code !== 0, "a second one on the same database does not start");
    scene.must(
      sameDatabase.said.includes("has the database"),
      `it says who has it, not: ${sameDatabase.said.slice(-300)}`,
    );
    const { steps, results } = world.orchestrator.addresses;
    const samePath = new Orchestrator(world.processes, folder, { database: join(folder, "own.db"), steps, results });
    const started = samePath.launch();
    const { code } = await started.exited;
    scene.must(code !== 0, "a second one on the same ipc paths does not start");
    scene.must(/belongs to another process/.test(started.said), `it says why, not: ${started.said.slice(-300)}`);
    scene.count("second orchestrators refused", 2);
  },
};
