/**
 * Faults that the operating system makes: system calls that fail or kill (strace), a clock that lies (libfaketime), a
 * small disk (tmpfs), a lossy link between two network namespaces (veth, nftables). Each says what it needs; where a
 * machine does not have it, the case that uses it is skipped loudly, and in CI that is a failure.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Process, Processes } from "./processes.ts";

export type Need = "strace" | "faketime" | "tmpfs" | "netns";

/** Why this machine cannot make the fault; null when it can. */
export function missing(need: Need): string | null {
  switch (need) {
    case "strace":
      return runs("strace", "-V") ? null : "strace is not installed";
    case "faketime":
      return faketimeLibrary() === null ? "libfaketime is not installed" : null;
    case "tmpfs":
      return process.getuid?.() === 0 ? null : "only root may mount a tmpfs";
    case "netns":
      if (process.getuid?.() !== 0) return "only root may make network namespaces";
      return runs("nft", "--version") && runs("ip", "-V") ? null : "nftables and iproute2 are not installed";
  }
}

function runs(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

// ---------------------------------------------------------------------------------------------------------- strace

/** Attaches to a process and all of its threads. @param args of strace, e.g. `-e inject=...` */
export async function trace(processes: Processes, pid: number, args: readonly string[], cwd: string): Promise<Process> {
  const tracer = processes.start("strace", ["strace", "-f", "-p", String(pid), ...args], cwd);
  for (;;) {
    if (!tracer.isAlive) throw new Error(`strace could not attach to ${pid}: ${tracer.said}`);
    if (tracedThreads(pid).every((tracerPid) => tracerPid === tracer.pid)) return tracer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Who traces each thread of a process; 0: nobody. */
function tracedThreads(pid: number): number[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).map((thread) => {
    const status = readFileSync(join(folder, thread, "status"), "utf8");
    return Number(/^TracerPid:\s*(\d+)/m.exec(status)![1]);
  });
}

/** The next commit is killed: before its first write (`write`), or after the writes and before its fsync returns. */
export function killAtCommit(when: "write" | "fsync"): string[] {
  const calls = when === "write" ? "pwrite64" : "fsync,fdatasync";
  return ["-e", `trace=${calls}`, "-e", `inject=${calls}:signal=SIGKILL:when=1`];
}

/** Every fsync fails from now on. */
export const failFsync: readonly string[] = ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"];

// -------------------------------------------------------------------------------------------------------- faketime

function faketimeLibrary(): string | null {
  const places = [process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu", "."].map(
    (folder) => `/usr/lib/${folder}/faketime/libfaketime.so.1`,
  );
  return places.find((place) => existsSync(place)) ?? null;
}

/** A wall clock that can be set while a process runs. Monotonic time goes on undisturbed. */
export class FakeClock {
  readonly #file: string;
  readonly env: Readonly<Record<string, string>>;

  constructor(folder: string) {
    this.#file = join(folder, "clock");
    this.set("+0");
    this.env = {
      LD_PRELOAD: faketimeLibrary()!,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** @param offset from the real time, as libfaketime writes it: `+1d`, `-1d` */
  set(offset: string): void {
    writeFileSync(this.#file, `${offset}\n`);
  }
}

// ----------------------------------------------------------------------------------------------------------- tmpfs

export class SmallDisk {
  readonly folder: string;
  readonly #ballast: string;

  constructor(folder: string, megabytes: number) {
    this.folder = folder;
    this.#ballast = join(folder, "ballast");
    mkdirSync(folder, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "tmpfs", folder]);
  }

  /** Takes all the space that there is. */
  fill(): void {
    try {
      execFileSync("dd", ["if=/dev/zero", `of=${this.#ballast}`, "bs=4k", "oflag=append", "conv=notrunc"], {
        stdio: "ignore",
      });
    } catch {
      // dd fails when the disk is full, which is what it is for.
    }
  }

  /** Gives it back. */
  free(): void {
    execFileSync("rm", ["-f", this.#ballast]);
  }

  unmount(): void {
    execFileSync("umount", ["--lazy", this.folder]);
    rmSync(this.folder, { recursive: true });
  }
}

// ----------------------------------------------------------------------------------------------------------- netns

/**
 * A network namespace for workers, joined to this machine's by a link that loses packets in both directions and carries
 * little. The orchestrator stays outside: its HTTP is on the loopback.
 */
export class LossyNetwork {
  readonly #name: string;
  readonly #device: string;
  /** Of this machine, on the link. */
  readonly address: string;

  /** @param lossPercent of the packets in each direction */
  constructor(lossPercent: number, kilobytesPerSecond: number) {
    const id = process.pid.toString(36);
    this.#name = `chaos-${id}`;
    this.#device = `ch-${id}`;
    const subnet = `10.213.${process.pid % 256}`;
    this.address = `${subnet}.1`;
    ip("netns", "add", this.#name);
    ip("link", "add", this.#device, "type", "veth", "peer", "name", "far", "netns", this.#name);
    ip("address", "add", `${this.address}/30`, "dev", this.#device);
    ip("link", "set", this.#device, "up");
    ip("-n", this.#name, "address", "add", `${subnet}.2/30`, "dev", "far");
    ip("-n", this.#name, "link", "set", "far", "up");
    ip("-n", this.#name, "link", "set", "lo", "up");
    const chain = (hook: string, device: string) => `chain ${hook} {
      type filter hook ${hook} priority 0;
      ${device} "far" numgen random mod 100 < ${lossPercent} counter drop
      ${device} "far" limit rate over ${kilobytesPerSecond} kbytes/second burst 32 kbytes counter drop
    }`;
    const rules = ["table inet chaos {", chain("input", "iifname"), chain("output", "oifname"), "}"].join("\n");
    execFileSync("ip", [...this.inside.slice(1), "nft", "-f", "-"], { input: rules });
  }

  /** Runs a command on the far side. */
  get inside(): readonly string[] {
    return ["ip", "netns", "exec", this.#name];
  }

  /** Packets lost so far, in both directions. */
  lost(): number {
    const text = execFileSync("ip", [...this.inside.slice(1), "nft", "list", "ruleset"], { encoding: "utf8" });
    return [...text.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** From now on it loses nothing. */
  mend(): void {
    execFileSync("ip", [...this.inside.slice(1), "nft", "flush", "ruleset"]);
  }

  remove(): void {
    ip("netns", "delete", this.#name);
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
}
