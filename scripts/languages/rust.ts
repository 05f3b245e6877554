/** Rust: for the fifth worker alone. Cargo fetches what its lock file names, and builds ZeroMQ with it, for which it needs a C++ compiler. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { aptInstall, ask, type Counts, judged, type Language, root, run } from "./language.ts";

const folder = "examples/fifth-worker/rust";
const oldest = [1, 85] as const;

export const rust: Language = {
  name: "rust",
  missing() {
    if (!hasRust()) return `no Rust ${oldest.join(".")} or newer; see https://rustup.rs, or Debian 13's cargo`;
    if (ask("c++", ["--version"]) === undefined) return "no C++ compiler for ZeroMQ; on Debian: apt-get install g++";
    return undefined;
  },
  setUp() {
    if (!hasRust()) aptInstall("cargo", "rustc");
    if (rust.missing() !== undefined) aptInstall("g++");
  },
  check() {
    const clippy = ask("cargo", ["clippy", "--version"]) === undefined ? ["check"] : ["clippy"];
    return run(folder, "cargo", [...clippy, "--quiet", "--release", "--locked"], { RUSTFLAGS: "-D warnings" });
  },
  test: cargoTest,
  command(program) {
    if (!run(folder, "cargo", ["build", "--quiet", "--release", "--locked"])) {
      throw new Error(`${program} could not be built; what cargo said is above`);
    }
    return { command: join(root, folder, "target/release/fifth-worker"), args: [] };
  },
};

function hasRust(): boolean {
  const version = /^rustc (\d+)\.(\d+)/.exec(ask("rustc", ["--version"]) ?? "");
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  return (
    (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) && ask("cargo", ["--version"]) !== undefined
  );
}

function cargoTest(): Counts {
  const { status, stdout } = spawnSync("cargo", ["test", "--release", "--locked"], {
    cwd: join(root, folder),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.stdout.write(stdout);
  const counts = /(\d+) passed; (\d+) failed; (\d+) ignored/.exec(stdout);
  const [passed = 0, failed = 0, skipped = 0] = counts?.slice(1).map(Number) ?? [];
  const details = stdout.matchAll(/^test (.+) \.\.\. (FAILED|ignored)/gm);
  const notPassed = Array.from(details, ([, name, what]) => `${what}: ${name}`);
  return judged({ passed, failed, skipped, notPassed }, status === 0);
}
