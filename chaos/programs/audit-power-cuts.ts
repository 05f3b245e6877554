/** The thread that audits disks as power cuts would have left them. Started by `power-cut-audit.ts`. */
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { SeededRandom } from "@tasker/testkit";
import { audit } from "../auditor.ts";
import { cutPower, type PowerCut } from "../power-cut.ts";
import type { PowerCutOrder, PowerCutVerdict } from "../power-cut-audit.ts";

parentPort!.postMessage(await auditHere(workerData as PowerCutOrder));

async function auditHere({ trace, before, cuts, seed, folder }: PowerCutOrder): Promise<PowerCutVerdict> {
  const sum = { cuts: 0, replies: 0, acks: 0, broken: [] as string[] };
  // Buffers become plain arrays on their way to a thread.
  const disk = new Map([...before].map(([path, bytes]) => [path, Buffer.from(bytes)]));
  const options = { cuts, random: new SeededRandom(seed), folder };
  await cutPower(readFileSync(trace, "latin1"), disk, options, async (cut) => {
    const { replies, acks, broken } = await auditCut(cut);
    sum.cuts++;
    sum.replies += replies;
    sum.acks += acks;
    sum.broken.push(...broken);
  });
  return sum;
}

/** What had been said when the power failed is on the disk. */
async function auditCut(cut: PowerCut): Promise<Omit<PowerCutVerdict, "cuts">> {
  const { findings, tasks } = await audit({ ...cut, clientLogs: [], workerLogs: [], atRest: false });
  const broken = findings.map(({ name, detail }) => `after a power cut: ${name}: ${detail}`);
  const ids = new Set(tasks.map(({ task }) => task.detail.id));
  const leases = tasks.flatMap(({ steps }) => [...steps.values()].flatMap((step) => step.leases));
  const open = new Set(leases.filter(({ accepted }) => accepted === null).map(({ id }) => id));
  let [replies, acks] = [0, 0];
  for (const text of cut.said) {
    const replied = /^HTTP\/1\.1 201 .*?\r\n\r\n\{"id":"([0-9a-f-]{36})"/s.exec(text)?.[1];
    if (replied !== undefined) {
      replies++;
      if (!ids.has(replied)) broken.push(`task ${replied} was acknowledged, and is gone after a power cut`);
    }
    for (const lease of acknowledgedIn(text)) {
      acks++;
      if (open.has(lease)) broken.push(`the result under ${lease} was acknowledged, and is gone after a power cut`);
    }
  }
  return { replies, acks, broken };
}

/** One send may hold several messages. */
function acknowledgedIn(text: string): string[] {
  const lists = [...text.matchAll(/"type":"result_ack"[^}]*?"lease_ids":\[([^\]]*)\]/g)].map(([, list]) => list!);
  return lists.flatMap((list) => JSON.parse(`[${list}]`) as string[]);
}
