/** Runs the command in this process: with its own stdout, stderr, stdin, environment and signals. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../main.ts";
import type { Shell } from "../shell.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class TestShell {
  readonly cwd = mkdtempSync(join(tmpdir(), "tasker-cli-"));
  readonly env: Record<string, string> = {};
  /** Makes stdout a terminal of this size. */
  terminal: { readonly columns: number; readonly rows: number } | null = null;
  input = "";
  stdout = "";
  stderr = "";
  readonly #listeners = new Set<(signal: "SIGINT" | "SIGTERM") => void>();
  readonly #waiting: { readonly test: () => boolean; readonly resolve: () => void }[] = [];

  async run(...args: string[]): Promise<Outcome> {
    this.stdout = "";
    this.stderr = "";
    const code = await main(args, this.#shell());
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  /** As Ctrl-C does. */
  interrupt(): void {
    for (const listener of this.#listeners) listener("SIGINT");
  }

  /** Settles once stdout or stderr holds the text. */
  async says(text: string): Promise<void> {
    const test = () => this.stdout.includes(text) || this.stderr.includes(text);
    if (!test()) await new Promise<void>((resolve) => this.#waiting.push({ test, resolve }));
  }

  close(): void {
    rmSync(this.cwd, { recursive: true, force: true });
  }

  #shell(): Shell {
    const wrote = () => {
      for (const { test, resolve } of this.#waiting) if (test()) resolve();
    };
    return {
      out: {
        write: (text) => {
          this.stdout += text;
          wrote();
        },
        isTTY: this.terminal !== null,
        ...(this.terminal ?? {}),
      },
      err: {
        write: (text) => {
          this.stderr += text;
          wrote();
        },
      },
      env: this.env,
      cwd: this.cwd,
      readInput: async () => new TextEncoder().encode(this.input),
      onSignal: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      exitNow: (code) => {
        throw new Error(`the command ended at once with ${code}`);
      },
    };
  }
}
