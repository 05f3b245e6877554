/** Starts the raw worker; with a name as its argument, the wrong one of that name. */
import { RawWorker } from "./raw-worker.ts";
import { wrongs } from "./wrongs/index.ts";

const [name] = process.argv.slice(2);
const wrong = wrongs.find((one) => one.name === name);
if (name !== undefined && wrong === undefined) {
  console.error(`no wrong worker is called ${name}; there are ${wrongs.map((one) => one.name).join(", ")}`);
  process.exit(2);
}
const Worker = wrong?.Worker ?? RawWorker;
new Worker().start();
