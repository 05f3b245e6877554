/** Ruby: the interpreter and every gem come from Debian, so nothing is bundled. Tests are minitest, lint and format rubocop. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, ask, type Counts, judged, type Language, root, run, sum } from "./language.ts";

const folder = "workers/ruby";
const library = join(root, folder, "lib");

/** Debian's packages. What runs a worker first, then what tests and checks it. */
const packages = ["ruby", "ruby-ffi-rzmq", "ruby-minitest", "rake", "rubocop"];

/** What is checked and tested: the SDK, and what is written with it. */
const sources = [folder, "examples/order-fulfillment/ruby", "bench/languages/ruby"];

const works = "%w[ffi-rzmq minitest].each { |library| require library }; exit RUBY_VERSION >= '3.1'";

export const ruby: Language = {
  name: "ruby",
  missing() {
    if (ask("ruby", ["-e", works]) !== undefined && ask("rubocop", ["--version"]) !== undefined) return undefined;
    return `no Ruby 3.1 or newer with ffi-rzmq, minitest and rubocop; on Debian: apt-get install ${packages.join(" ")}`;
  },
  setUp() {
    aptInstall(...packages);
  },
  check() {
    const config = join(root, folder, ".rubocop.yml");
    return run(".", "rubocop", ["--format", "quiet", "--cache", "false", "--config", config, ...present()]);
  },
  test: () => present().map(minitest).reduce(sum),
  command: (program) => ({ command: "ruby", args: ["-I", library, join(root, `${program}.rb`)] }),
};

function present(): string[] {
  return sources.filter((part) => existsSync(join(root, part)));
}

/** Minitest ends with one line of counts. */
function minitest(part: string): Counts {
  const everyTest = "Dir['test/**/*_test.rb'].sort.each { |file| require File.expand_path(file) }";
  const args = ["-I", library, "-I", "test", "-e", everyTest];
  const { status, stdout } = spawnSync("ruby", args, {
    cwd: join(root, part),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.stdout.write(stdout);
  const counts = /(\d+) runs, \d+ assertions, (\d+) failures, (\d+) errors, (\d+) skips/.exec(stdout);
  const [runs = 0, failures = 0, errors = 0, skipped = 0] = counts?.slice(1).map(Number) ?? [];
  const failed = failures + errors;
  const details = stdout.matchAll(/^\s*\d+\) (Failure|Error|Skipped):\n(\S+?):?(?=\s)/gm);
  const notPassed = Array.from(details, ([, what, name]) => `${what}: ${name}`);
  return judged({ passed: runs - failed - skipped, failed, skipped, notPassed }, status === 0);
}
