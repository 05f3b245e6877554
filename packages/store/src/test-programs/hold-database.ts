/** Opens the store of the database that it is given, says so, and keeps it until it is killed; or says why it cannot. */
import { openStore } from "../open-store.ts";

try {
  await openStore({ database: process.argv[2]! });
  console.log("open");
  process.stdin.resume();
} catch (error) {
  console.log((error as Error).message);
}
