/**
 * Installs what makes the faults of `make chaos` on this machine (`make toolchains`): strace, libfaketime, nftables,
 * iproute2. What cannot be had is named, and fails only with CI=true.
 */
import { missing, type Need } from "../chaos/system-faults.ts";
import { aptInstall } from "./languages/language.ts";

const needs: readonly Need[] = ["strace", "faketime", "tmpfs", "netns"];
const packages = ["strace", "libfaketime", "nftables", "iproute2"];

if (needs.some((need) => missing(need) !== null)) aptInstall(...packages);
const lacking = needs.flatMap((need) => missing(need) ?? []);
for (const text of lacking) console.error(`some faults cannot be made here: ${text}`);
process.exit(lacking.length > 0 && process.env.CI === "true" ? 1 : 0);
