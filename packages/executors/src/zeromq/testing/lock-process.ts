/** Holds the lock of an ipc path until it is killed. node lock-process.ts PATH */
import { writeFileSync } from "node:fs";
import { EndpointLock } from "../endpoint-lock.ts";

const path = process.argv[2]!;
new EndpointLock(path, `process ${process.pid}`);
writeFileSync(path, "a socket that will be left behind");
process.stdout.write("locked\n");
process.stdin.on("end", () => process.exit()).resume();
