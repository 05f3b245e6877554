/** A folder of templates that are applied when they change. A wrong one is told, and its last good version stays. */
import { type FSWatcher, readFileSync, watch } from "node:fs";
import { relative } from "node:path";
import { TaskerError } from "@tasker/engine";
import { type RunningServer, templateFiles } from "@tasker/server";
import { CommandError, errorText } from "./command-error.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Shell } from "./shell.ts";
import { visible } from "./view/text.ts";

/** Editors write a file in several steps. */
const settleMs = 100;

export class TemplateFolder {
  readonly #folder: string;
  readonly #server: Pick<RunningServer, "applyTemplate">;
  readonly #shell: Shell;
  /** What was last tried, by file. */
  readonly #tried = new Map<string, string>();
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  readonly #report: (line: string) => void;

  /** @param report gets a line for each template that is applied */
  constructor(
    folder: string,
    server: Pick<RunningServer, "applyTemplate">,
    shell: Shell,
    report: (line: string) => void,
  ) {
    this.#folder = folder;
    this.#server = server;
    this.#shell = shell;
    this.#report = report;
  }

  /** Applies what is there, and from now on what changes. Settles when the former is done. */
  watch(): Promise<void> {
    // Before the first look, so that no change falls between the two.
    this.#watcher = watch(this.#folder, { recursive: true }, () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#look(), settleMs);
    });
    this.#watcher.on("error", (error) => {
      this.#shell.err.write(`warning: changes of templates are not seen any more: ${error.message}\n`);
    });
    return this.#look();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  /** One look after the other. */
  #look(): Promise<void> {
    this.#looking = this.#looking
      .then(() => this.#applyChanged())
      .catch((error: Error) => void this.#shell.err.write(`warning: templates cannot be read: ${error.message}\n`));
    return this.#looking;
  }

  /** Applies every file whose text is not what was last tried. */
  async #applyChanged(): Promise<void> {
    for (const file of templateFiles(this.#folder)) {
      const text = readIfThere(file);
      if (text === null || this.#tried.get(file) === text) continue;
      this.#tried.set(file, text);
      await this.#apply(file, text);
    }
  }

  async #apply(file: string, text: string): Promise<void> {
    const shownFile = relative(this.#shell.cwd, file);
    try {
      const { name, created } = await this.#server.applyTemplate(text, shownFile);
      this.#report(`${created ? "applied" : "unchanged"}  ${visible(`${name}  ${shownFile}`)}\n`);
    } catch (error) {
      if (!(error instanceof TaskerError)) throw error;
      const message = `${shownFile} is not applied: ${error.message}`;
      this.#shell.err.write(errorText(new CommandError(exitCodes.usage, message, error)));
    }
  }
}

/** A file may be gone between the listing and the reading. */
function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
