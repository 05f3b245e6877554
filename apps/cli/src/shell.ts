/** What a command has of its surroundings: where it writes, what it reads, when it is interrupted. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Shell {
  /** Data, and with `--json` nothing else. */
  readonly out: Output;
  /** Errors, warnings, and what is said beside the data. */
  readonly err: Output;
  /** The whole of stdin. */
  readInput(): Promise<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Hears of SIGINT and SIGTERM. While nobody listens they end the process. @returns a function that ends it */
  onSignal(listener: (signal: "SIGINT" | "SIGTERM") => void): () => void;
  /** Ends the process at once, whatever is under way. */
  exitNow(code: number): void;
}

export function processShell(): Shell {
  endQuietlyWithReader(process.stdout);
  return {
    out: process.stdout,
    err: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    async readInput() {
      const parts: Uint8Array[] = [];
      for await (const part of process.stdin) parts.push(part as Uint8Array);
      return Buffer.concat(parts);
    },
    onSignal(listener) {
      process.on("SIGINT", listener);
      process.on("SIGTERM", listener);
      return () => {
        process.off("SIGINT", listener);
        process.off("SIGTERM", listener);
      };
    },
    exitNow: (code) => process.exit(code),
  };
}

/** `tasker task events ID | head`: the reader has seen enough, which is no error. */
function endQuietlyWithReader(stdout: NodeJS.WriteStream): void {
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}
