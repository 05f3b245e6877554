#!/usr/bin/env node
/**
 * Starts the command under the Node that it needs: this one, or the one that the project brings as a package. Plain
 * JavaScript, so that any Node from 16 on gets this far. Exit code and signals pass through; when the starter is killed,
 * what it started goes too, as if there had been one process.
 */
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const neededMajor = 24;
const relaunchedVariable = "TASKER_RELAUNCHED";
const self = realpathSync(fileURLToPath(import.meta.url));
const relaunched = process.env[relaunchedVariable] !== undefined;
delete process.env[relaunchedVariable];

if (Number(process.versions.node.split(".")[0]) >= neededMajor) {
  if (relaunched) endWithStarter();
  const { main } = await import("../src/main.ts");
  process.exitCode = await main(process.argv.slice(2));
} else {
  const node = relaunched ? undefined : findNode(dirname(self));
  if (node === undefined) {
    console.error(
      `error: tasker needs Node ${neededMajor} or later; this is ${process.version} (${process.execPath})\n` +
        `  next: run \`npm install\` where tasker is installed (it brings its own Node), or install Node ${neededMajor}`,
    );
    process.exitCode = 2;
  } else relaunch(node);
}

/** The Node of the package `node`, in the nearest node_modules that has it. */
function findNode(folder) {
  const candidate = join(folder, "node_modules/node/bin/node");
  if (existsSync(candidate)) return candidate;
  return dirname(folder) === folder ? undefined : findNode(dirname(folder));
}

function relaunch(node) {
  const child = spawn(node, [self, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: Object.assign({}, process.env, { [relaunchedVariable]: "1" }),
  });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"];
  for (const signal of signals) {
    process.on(signal, () => {
      // The terminal has sent Ctrl-C to the child as well: a second one would mean "at once".
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on("error", (error) => {
    console.error(`error: ${node} cannot be started: ${error.message}\n  next: run \`npm install\` again`);
    process.exitCode = 2;
  });
  child.on("exit", (code, signal) => {
    for (const name of signals) process.removeAllListeners(name);
    if (signal === null) process.exitCode = code;
    else {
      process.exitCode = 128 + constants.signals[signal];
      process.kill(process.pid, signal);
    }
  });
}

/** The channel to the starter closes when that dies, however it does. It never keeps this process alive. */
function endWithStarter() {
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  process.channel.unref();
}
