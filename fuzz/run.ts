/**
 * The command behind `make fuzz`. MESSAGES=n randomised messages through the codec and the session machines of both sides,
 * from seed BASE on (random unless given); with SEED=n one round, frame by frame. Exits 1 when something broke.
 */
import { Verdicts } from "./decoders.ts";
import { fuzz } from "./fuzz.ts";
import { runRound } from "./round.ts";

const defaultMessages = 1_000_000;
const threads = 2;
const progressEveryMs = 15_000;
const shownChars = 2_000;

const { SEED, MESSAGES, BASE } = process.env;
process.exitCode = SEED ? runOne(readNumber("SEED", SEED)) : await runMany();

function runOne(seed: number): number {
  try {
    const count = runRound(seed, new Verdicts(), {
      print: (frame, index) =>
        console.log(`${index}: ${JSON.stringify(frame.toString("latin1").slice(0, shownChars))}`),
    });
    console.log(`seed ${seed}: ${count} frames, nothing broke`);
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

async function runMany(): Promise<number> {
  const messages = MESSAGES ? readNumber("MESSAGES", MESSAGES) : defaultMessages;
  const firstSeed = BASE ? readNumber("BASE", BASE) : Math.floor(Math.random() * 1e9);
  console.log(`${messages} messages, seeds from ${firstSeed} on, ${threads} threads`);
  let toldAt = performance.now();
  const outcome = await fuzz({
    firstSeed,
    messages,
    threads,
    onProgress: (done) => {
      if (performance.now() - toldAt < progressEveryMs) return;
      toldAt = performance.now();
      console.log(`${done} messages`);
    },
  });
  const verdicts = [...outcome.verdicts].sort(([, a], [, b]) => b - a);
  console.log(`answers of the decoders: ${verdicts.map(([name, count]) => `${name} ${count}`).join(", ")}`);
  const heaps = outcome.heaps.map(({ warm, now }) => `${megabytes(warm)} -> ${megabytes(now)} MB`);
  console.log(`heap of each thread, warm -> at the end: ${heaps.join(", ")}`);
  for (const failure of outcome.failures) console.error(failure);
  const rate = Math.round(outcome.messages / (outcome.ms / 1_000));
  console.log(
    `${outcome.failures.length === 0 ? "nothing broke" : `${outcome.failures.length} failures`}: ${outcome.messages} messages ` +
      `in ${outcome.rounds} rounds, ${Math.round(outcome.ms / 1_000)} s, ${rate} messages a second`,
  );
  return outcome.failures.length === 0 ? 0 : 1;
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

function readNumber(name: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  console.error(`${name}=${text}: expected a whole number`);
  process.exit(2);
}
