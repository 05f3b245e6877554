/** The facts about libzmq that the executor relies on, each with real sockets, some with real processes. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { Publisher, Subscriber } from "zeromq";
import { defaultZeromqConfig, type ZeromqConfig } from "./config.ts";
import { ZeromqCounters } from "./counters.ts";
import { Sockets } from "./sockets.ts";
import {
  Arrivals,
  type PeerProcess,
  realRandom,
  ScriptedWorker,
  silentLog,
  startPeer,
  temporaryFolder,
} from "./testing/peers.ts";

interface Notice {
  readonly joined: boolean;
  /** What was granted. */
  readonly prefix: string;
}

const folder = temporaryFolder();
const closers: (() => void)[] = [];
let opened = 0;

afterAll(() => folder.dispose());
beforeEach(() => {
  opened++;
});
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

function endpoints(transport: "ipc" | "tcp" | "inproc"): Pick<ZeromqConfig, "steps" | "results"> {
  const endpoint = (name: string) =>
    transport === "tcp"
      ? "tcp://127.0.0.1:*"
      : `${transport}://${transport === "ipc" ? join(folder.path, `${name}${opened}`) : `${name}${opened}`}`;
  return { steps: [endpoint("steps")], results: [endpoint("results")] };
}

/** Sockets that grant every topic as it is, and give each subscriber of `steps` a slot. */
async function open(transport: "ipc" | "tcp" | "inproc", config: Partial<ZeromqConfig> = {}) {
  const sockets = await Sockets.open({
    config: { ...defaultZeromqConfig, ...endpoints(transport), ...config },
    log: silentLog,
    counters: new ZeromqCounters(),
    secret: realRandom.token(),
    owner: "the test",
  });
  closers.push(() => sockets.close(0));
  const notices = new Arrivals<Notice>();
  const frames = new Arrivals<string>();
  let slots = 0;
  sockets.listen({
    frameArrived: (frame) => frames.push(Buffer.from(frame).toString()),
    subscriptionJoined: (topic, grant) => {
      const prefix = topic === "steps" ? `steps {"batch_id":"s${++slots}_` : topic;
      grant(prefix);
      notices.push({ joined: true, prefix });
    },
    subscriptionLeft: (prefix) => notices.push({ joined: false, prefix }),
  });
  return { sockets, notices, frames, steps: sockets.endpoints.steps[0]!, results: sockets.endpoints.results[0]! };
}

function peer(...args: string[]): PeerProcess {
  const started = startPeer(...args);
  closers.push(() => started.kill());
  return started;
}

function scripted(...args: ConstructorParameters<typeof ScriptedWorker>): ScriptedWorker {
  const worker = new ScriptedWorker(...args);
  closers.push(() => worker.close());
  return worker;
}

/** What a PUB sends before it knows who subscribes is dropped, so it is sent until something arrives. */
async function untilHeard(worker: ScriptedWorker, frames: Arrivals<string>): Promise<void> {
  while (frames.all.length === 0) {
    worker.send("results ready?");
    await nextTurn();
  }
}

const neverRefused = () => {
  throw new Error("the queue is full");
};

describe.each(["ipc", "tcp"] as const)("plain workers over %s", (transport) => {
  test("compete for batches, and each one that is killed is seen to leave", async () => {
    const { sockets, notices, frames, steps, results } = await open(transport);
    const peers = [1, 2, 3].map(() => peer(steps, results, "--answer", "steps"));
    await notices.count(3, "subscriptions");
    for (let batch = 0; batch < 9; batch++) {
      const id = `s${(batch % 3) + 1}_${batch}`;
      sockets.send(`steps {"batch_id":"${id}","steps":[{"step_id":${batch}}]}`, neverRefused);
    }
    await Promise.all(peers.map(({ frames }) => frames.count(3, "batches")));
    await frames.count(9, "results");
    const answered = frames.all.map((frame) => JSON.parse(frame.slice(8)).batch_id);
    expect(answered.sort()).toEqual(["s1_0", "s1_3", "s1_6", "s2_1", "s2_4", "s2_7", "s3_2", "s3_5", "s3_8"]);

    for (const [index, { process, frames: received }] of peers.entries()) {
      const slot = /"(s\d)_/.exec(received.all[0]!)![1];
      expect(received.all.every((frame) => frame.startsWith(`steps {"batch_id":"${slot}_`))).toBe(true);
      process.kill("SIGKILL");
      await notices.count(4 + index, "notices");
      expect(notices.all.at(-1)).toEqual({ joined: false, prefix: `steps {"batch_id":"${slot}_` });
    }
  });
});

describe("who is there", () => {
  test("of plain workers killed together each is seen to leave, and the others stay", async () => {
    const { sockets, notices, steps, results } = await open("ipc");
    const peers = [1, 2, 3, 4].map(() => peer(steps, results, "steps"));
    await notices.count(4, "subscriptions");
    for (const slot of [1, 2, 3, 4]) sockets.send(`steps {"batch_id":"s${slot}_1"}`, neverRefused);
    await Promise.all(peers.map(({ frames }) => frames.count(1, "batch")));
    const slots = peers.map(({ frames }) => frames.all[0]!.slice(0, -3));
    peers[0]!.kill();
    peers[2]!.kill();
    await notices.count(6, "notices");
    const left = notices.all.slice(4).map(({ prefix }) => prefix);
    expect(left.sort()).toEqual([slots[0], slots[2]].sort());
    sockets.send(`${slots[1]}2"}`, neverRefused);
    sockets.send(`${slots[3]}2"}`, neverRefused);
    await peers[1]!.frames.count(2, "batches");
    await peers[3]!.frames.count(2, "batches");
  });

  test("a plain worker that unsubscribes and stays connected is told from the others", async () => {
    const { sockets, notices, steps, results } = await open("tcp");
    const stays = scripted(steps, results, "steps");
    await notices.count(1, "subscription");
    const leaves = scripted(steps, results, "steps", "@w1-00000001 ");
    await notices.count(3, "subscriptions");
    leaves.unsubscribe("steps");
    await notices.count(4, "notices");
    expect(notices.all.at(-1)).toEqual({ joined: false, prefix: 'steps {"batch_id":"s2_' });
    for (const slot of [2, 1]) sockets.send(`steps {"batch_id":"s${slot}_1"}`, neverRefused);
    sockets.send("@w1-00000001 still here", neverRefused);
    await leaves.frames.count(1, "frame");
    await stays.frames.count(1, "frame");
    expect(leaves.frames.all).toEqual(["@w1-00000001 still here"]);
    expect(stays.frames.all).toEqual(['steps {"batch_id":"s1_1"}']);
  });

  test("a session's process that is killed is seen to leave, once for each connection", async () => {
    const { notices, steps, results } = await open("tcp");
    const peers = [peer(steps, results, "@w1-00000001 "), peer(steps, results, "@w1-00000001 ")];
    await notices.count(2, "subscriptions");
    peers[0]!.kill();
    await notices.count(3, "notices");
    peers[1]!.kill();
    await notices.count(4, "notices");
    expect(notices.all.slice(2)).toEqual(Array(2).fill({ joined: false, prefix: "@w1-00000001 " }));
  });

  test("a session hears nothing of one whose name begins like its own", async () => {
    const { sockets, notices, steps, results } = await open("inproc");
    const short = scripted(steps, results, "@w1 ");
    const long = scripted(steps, results, "@w10 ");
    await notices.count(2, "subscriptions");
    sockets.send("@w10 a", neverRefused);
    sockets.send("@w1 b", neverRefused);
    await short.frames.count(1, "frame");
    await long.frames.count(1, "frame");
    expect([...short.frames.all, ...long.frames.all]).toEqual(["@w1 b", "@w10 a"]);
  });

  test("a subscription that is not granted gets nothing", async () => {
    const config = { ...defaultZeromqConfig, ...endpoints("inproc") };
    const sockets = await Sockets.open({
      config,
      log: silentLog,
      counters: new ZeromqCounters(),
      secret: "s",
      owner: "the test",
    });
    closers.push(() => sockets.close(0));
    const asked = new Arrivals<string>();
    sockets.listen({
      frameArrived: () => {},
      subscriptionJoined: (topic, grant) => {
        if (topic === "good") grant(topic);
        asked.push(topic);
      },
      subscriptionLeft: () => {},
    });
    const worker = scripted(config.steps[0]!, config.results[0]!, "bad", "good");
    await asked.count(2, "subscriptions");
    sockets.send("bad 1", neverRefused);
    sockets.send("good 2", neverRefused);
    await worker.frames.count(1, "frame");
    expect(worker.frames.all).toEqual(["good 2"]);
  });
});

test.runIf(existsSync("/proc/net/tcp"))("the kernel watches over connections of peers that may vanish", async () => {
  const { notices, steps, results } = await open("tcp");
  scripted(steps, results, "@w ");
  await notices.count(1, "subscription");
  const port = Number(steps.split(":").at(-1)).toString(16).toUpperCase().padStart(4, "0");
  const connected = new RegExp(`^ *\\d+: 0100007F:${port} 0100007F:[0-9A-F]{4} 01 \\S+ (\\d\\d):`, "m");
  const keepaliveTimer = "02";
  expect(connected.exec(readFileSync("/proc/net/tcp", "utf8"))?.[1]).toBe(keepaliveTimer);
});

describe("full queues", () => {
  test("a stalled worker's sends are refused, none is lost, and others are not affected", async () => {
    const { sockets, notices, steps, results } = await open("ipc", { stepQueueHwm: 10 });
    const stalled = new Subscriber({ linger: 0, receiveHighWaterMark: 10 });
    closers.push(() => stalled.close());
    stalled.connect(steps);
    stalled.subscribe("@stalled ");
    const lively = scripted(steps, results, "@lively ");
    await notices.count(2, "subscriptions");
    const total = 2_000;
    const refused = new Set<number>();
    const filler = "x".repeat(10_000);
    for (let n = 0; n < total; n++) {
      sockets.send(`@stalled ${n} ${filler}`, () => refused.add(n));
      if (n % 50 === 0) await nextTurn();
    }
    await nextTurn();
    expect(refused.size).toBeGreaterThan(0);
    sockets.send("@lively hello", neverRefused);
    await lively.frames.count(1, "frame");

    const received: number[] = [];
    while (received.length < total - refused.size) {
      const [frame] = await stalled.receive();
      received.push(Number(frame!.toString().split(" ")[1]));
    }
    expect(received.some((n) => refused.has(n))).toBe(false);
  });
});

describe("receiving", () => {
  test("takes at most 256 frames before everything else may run", async () => {
    const { frames, steps, results } = await open("inproc");
    const worker = scripted(steps, results, "@w ");
    await untilHeard(worker, frames);
    for (let n = 0; n < 900; n++) worker.send(`results ${n}`);
    const perTurn: number[] = [];
    for (let before = frames.all.length; frames.all.at(-1) !== "results 899"; before = frames.all.length) {
      await nextTurn();
      perTurn.push(frames.all.length - before);
    }
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(256);
    expect(Math.max(...perTurn)).toBeGreaterThan(1);
  });

  test("takes only its topics", async () => {
    const { frames, steps, results } = await open("inproc");
    const worker = scripted(steps, results, "@w ");
    await untilHeard(worker, frames);
    for (const topic of ["resultsx", "other", "worker", "results"]) worker.send(`${topic} last`);
    await frames.until((all) => all.at(-1) === "results last", "the last frame");
    expect(frames.all.filter((frame) => frame.endsWith("last"))).toEqual(["worker last", "results last"]);
  });

  test("connects to a 1.0 worker that has bound its PUB", async () => {
    const bound = new Publisher({ linger: 0 });
    closers.push(() => bound.close());
    await bound.bind("tcp://127.0.0.1:*");
    const { frames } = await open("inproc", { connectResults: [bound.lastEndpoint!] });
    while (frames.all.length === 0) {
      await bound.send("results from a bound socket");
      await nextTurn();
    }
    expect(frames.all[0]).toBe("results from a bound socket");
  });

  test("cuts off a peer that sends more than is allowed, and goes on with the others", async () => {
    const limits = { ...defaultZeromqConfig.limits, maxMessageBytes: 1_000 };
    const { frames, steps, results } = await open("tcp", { limits });
    const rude = scripted(steps, results, "@rude ");
    const polite = scripted(steps, results, "@polite ");
    await untilHeard(rude, frames);
    rude.send(`results ${"x".repeat(5_000)}`);
    while (!frames.all.includes("results fine")) {
      polite.send("results fine");
      await nextTurn();
    }
    expect(frames.all.every((frame) => frame.length < 1_000)).toBe(true);
  });

  test("cuts off a peer whose subscription is too long", async () => {
    const { notices, steps, results } = await open("tcp");
    scripted(steps, results, `@${"x".repeat(2_000)} `);
    scripted(steps, results, "@polite ");
    await notices.count(1, "subscription");
    expect(notices.all).toEqual([{ joined: true, prefix: "@polite " }]);
  });
});

describe("fault 37: too many subscriptions", () => {
  test("at the limit nothing happens; one beyond it cuts everybody off, and workers connect again by themselves", async () => {
    const limits = { ...defaultZeromqConfig.limits, maxSubscriptions: 4 };
    const { sockets, notices, steps, results } = await open("ipc", { limits });
    const worker = scripted(steps, results, "@w1-00000001 ");
    // The internal probe has asked for nothing yet: one of the worker's, three more.
    const flood = scripted(steps, results, "@f1 ", "@f2 ", "@f3 ");
    await notices.count(4, "subscriptions");
    sockets.send("@w1-00000001 before", neverRefused);
    await worker.frames.count(1, "frame");
    expect(notices.all.every(({ joined }) => joined)).toBe(true);

    const tooMany = scripted(steps, results, "@f4 ");
    await notices.until((all) => all.filter(({ joined }) => !joined).length >= 4, "everybody to be cut off");
    for (const peer of [flood, tooMany]) peer.close();
    while (worker.frames.all.length < 2) {
      sockets.send("@w1-00000001 after", () => {});
      await nextTurn();
    }
    expect(statSync(steps.slice("ipc://".length)).mode & 0o777).toBe(0o600);
  });
});

describe("ipc endpoints", () => {
  test("are files that only this user may use, in a folder that is made", async () => {
    const path = join(folder.path, "made", `steps${opened}`);
    await open("ipc", { steps: [`ipc://${path}`] });
    expect(statSync(join(folder.path, "made")).mode & 0o777).toBe(0o700);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("can be used again once they are closed, and leave no socket behind", async () => {
    const first = await open("ipc");
    first.sockets.close(0);
    const path = first.steps.slice("ipc://".length);
    const again = await open("ipc");
    expect(again.steps).toBe(first.steps);
    again.sockets.close(0);
    expect(existsSync(`${path}.owner`)).toBe(false);
  });

  test("belong to one process: a second is told who has them", async () => {
    const first = await open("ipc");
    await expect(open("ipc")).rejects.toMatchObject({
      code: "endpoint_unusable",
      message: expect.stringContaining("belongs to another process (the test)"),
    });
    const worker = scripted(first.steps, first.results, "@w ");
    await first.notices.count(1, "subscription");
    first.sockets.send("@w still mine", neverRefused);
    await worker.frames.count(1, "frame");
  });
});

test("a TCP port that is taken is refused with a hint", async () => {
  const { steps } = await open("tcp");
  await expect(open("tcp", { steps: [steps] })).rejects.toMatchObject({
    code: "endpoint_unusable",
    message: expect.stringContaining(steps),
    hint: expect.stringContaining("choose another"),
  });
});
