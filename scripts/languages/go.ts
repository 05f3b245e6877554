/** Go: modules that `go` fetches and checks by their go.sum; libzmq and a C compiler come from the system. Lint is `go vet`, format gofmt. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { aptInstall, ask, type Counts, judged, type Language, root, run, sum } from "./language.ts";

const folder = "workers/go";
const oldest = [1, 25] as const;

/** What is checked and tested: the SDK, and what is written with it; each is a module of its own. */
const sources = [folder, "examples/order-fulfillment/go", "bench/languages/go"];

/** The cache of results does not see what lies outside a module, such as the protocol's vectors, so it is not used. */
const testFlags = ["-race", "-count=1", "-timeout=5m", "-json"];

export const go: Language = {
  name: "go",
  missing() {
    if (!hasGo()) return `no Go ${oldest.join(".")} or newer; see https://go.dev/doc/install`;
    if (ask("gcc", ["--version"]) === undefined)
      return "no C compiler, which cgo needs; on Debian: apt-get install gcc";
    if (ask("pkg-config", ["--exists", "libzmq"]) === undefined) {
      return "no libzmq with its header files; on Debian: apt-get install libzmq3-dev pkg-config";
    }
    return undefined;
  },
  setUp() {
    if (!hasGo()) aptInstall("golang-go");
    if (go.missing() !== undefined) aptInstall("gcc", "libc6-dev", "libzmq3-dev", "pkg-config");
  },
  check: () => present().every((part) => isFormatted(part) && run(part, "go", ["vet", "./..."])),
  test: () => present().map(goTest).reduce(sum),
  command(program) {
    const binary = join(root, dirname(program), ".bin", basename(program));
    const built = run(dirname(program), "go", ["build", "-o", binary, "."]);
    if (!built) throw new Error(`${program} could not be built; what go said is above`);
    return { command: binary, args: [] };
  },
};

function hasGo(): boolean {
  const [major = 0, minor = 0] = (ask("go", ["env", "GOVERSION"]) ?? "").replace("go", "").split(".").map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

function present(): string[] {
  return sources.filter((part) => existsSync(join(root, part)));
}

function isFormatted(part: string): boolean {
  const files = ask("gofmt", ["-l", part]);
  if (files === "") return true;
  console.error(`gofmt -w ${part} would change:\n${files}`);
  return false;
}

interface TestEvent {
  readonly Action: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Output?: string;
}

/** Counts the tests that have no tests inside; a package that does not build, or ends badly otherwise, counts as one failed. */
function goTest(part: string): Counts {
  const { status, stdout } = spawnSync("go", ["test", ...testFlags, "./..."], {
    cwd: join(root, part),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 28,
  });
  const events = stdout.split("\n").filter(Boolean).map(parse);
  for (const { Test, Output } of events) if (Test === undefined && Output !== undefined) process.stdout.write(Output);
  const ends = new Map<string, string>();
  for (const { Action, Package, Test } of events) {
    if (Test !== undefined && /^(pass|fail|skip)$/.test(Action)) ends.set(`${Package} ${Test}`, Action);
  }
  for (const { Action, Package, Test, Output } of events) {
    if (Action === "output" && ends.get(`${Package} ${Test}`) === "fail") process.stdout.write(Output ?? "");
  }
  const names = [...ends.keys()];
  const leaves = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
  const count = (end: string) => leaves.filter((name) => ends.get(name) === end).length;
  const notPassed = leaves.filter((name) => ends.get(name) !== "pass").map((name) => `${ends.get(name)}: ${name}`);
  return judged({ passed: count("pass"), failed: count("fail"), skipped: count("skip"), notPassed }, status === 0);
}

/** Lines that are no JSON are what the compiler says. */
function parse(line: string): TestEvent {
  try {
    return JSON.parse(line) as TestEvent;
  } catch {
    return { Action: "output", Output: `${line}\n` };
  }
}
