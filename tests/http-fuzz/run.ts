/** The command behind `make fuzz-http`. EXAMPLES=n requests for each operation and phase, from SEED=n (random unless given). */
import { fuzzHttp, prepareHttpFuzzer } from "./fuzz-http.ts";

const { EXAMPLES = "200", SEED = String(Math.floor(Math.random() * 1e9)) } = process.env;
for (const [name, text] of Object.entries({ EXAMPLES, SEED })) {
  if (/^\d{1,9}$/.test(text)) continue;
  console.error(`${name}=${text}: expected a whole number`);
  process.exit(2);
}
const missing = prepareHttpFuzzer();
if (missing !== undefined) {
  console.error(`make fuzz-http: ${missing}`);
  process.exit(1);
}
const outcome = await fuzzHttp({ examples: Number(EXAMPLES), seed: Number(SEED), isShown: true });
const { requests, tasks, serverErrors, passed } = outcome;
console.log(`\n${requests} requests answered, ${tasks} tasks created, ${serverErrors} answers of 5xx; seed ${SEED}`);
process.exitCode = passed ? 0 : 1;
