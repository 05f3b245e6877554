/**
 * What would be on the disk if the power had failed: strace tells every write, fsync and message of a process; of the
 * writes that no fsync had covered by some moment, any part may be missing, down to single sectors. Images of such disks
 * are made at random moments of the run, to be opened and looked at.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { SeededRandom } from "@tasker/testkit";

/** For `trace`: all that has to be known. */
export const watchDisk: readonly string[] = [
  ...["-y", "-xx", "-s", "70000"],
  ...["-e", "trace=pwrite64,write,writev,sendto,sendmsg,ftruncate,fsync,fdatasync"],
];

const sectorBytes = 512;

type Moment =
  | { readonly kind: "write"; readonly file: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "resize"; readonly file: string; readonly size: number }
  /** Covers what was written before it began. */
  | { readonly kind: "sync begins"; readonly file: string; readonly thread: string }
  | { readonly kind: "synced"; readonly file: string; readonly thread: string }
  | { readonly kind: "said"; readonly text: string };

/** The files of a database that count, by their endings. */
const endings = ["", "-wal", "-turns-a", "-turns-b"];

/** A disk, as it was before the trace began; all of that counts as durable. */
export type Disk = ReadonlyMap<string, Buffer>;

export function readDisk(database: string): Disk {
  const paths = endings.map((ending) => database + ending).filter((path) => existsSync(path));
  return new Map(paths.map((path) => [path, readFileSync(path)]));
}

export interface PowerCut {
  /** A folder with the files that were left. */
  readonly database: string;
  /** Everything that the process had told others before. */
  readonly said: readonly string[];
}

/**
 * Cuts the power at random moments and calls `look` with what is left each time.
 * @param trace what strace wrote with `watchDisk`
 */
export async function cutPower(
  trace: string,
  before: Disk,
  { cuts, random, folder }: { readonly cuts: number; readonly random: SeededRandom; readonly folder: string },
  look: (cut: PowerCut) => Promise<void>,
): Promise<void> {
  const moments = [...readMoments(trace)];
  const at = new Set(Array.from({ length: cuts }, () => random.below(moments.length)));
  const files = new Map([...before].map(([path, bytes]) => [path, new TracedFile(bytes)]));
  const said: string[] = [];
  for (const [index, moment] of moments.entries()) {
    if (moment.kind === "said") said.push(moment.text);
    else files.get(moment.file)?.take(moment);
    if (!at.has(index)) continue;
    const image = join(folder, `cut-${index}`);
    mkdirSync(image, { recursive: true });
    for (const [path, file] of files) writeFileSync(join(image, basename(path)), file.afterPowerCut(random));
    await look({ database: join(image, basename([...before.keys()][0]!)), said });
  }
}

type FileMoment = Exclude<Moment, { kind: "said" }>;
type Change = Extract<FileMoment, { kind: "write" | "resize" }>;

class TracedFile {
  #durable: Buffer;
  #pending: Change[] = [];
  /** By thread: how many of the pending changes its fsync covers. */
  readonly #covered = new Map<string, Change | undefined>();

  constructor(bytes: Buffer) {
    this.#durable = bytes;
  }

  take(moment: FileMoment): void {
    if (moment.kind === "sync begins") this.#covered.set(moment.thread, this.#pending.at(-1));
    else if (moment.kind === "synced") this.#settle(this.#covered.get(moment.thread));
    else this.#pending.push(moment);
  }

  #settle(last: Change | undefined): void {
    const count = last === undefined ? 0 : this.#pending.indexOf(last) + 1;
    for (const change of this.#pending.splice(0, count)) this.#durable = apply(this.#durable, change);
  }

  /** Of what was not synced: nothing, all of it, or some of it. */
  afterPowerCut(random: SeededRandom): Buffer {
    const luck = [0, 1, 0.5, 0.9][random.below(4)]!;
    let bytes: Buffer = Buffer.from(this.#durable);
    for (const change of this.#pending) {
      if (change.kind === "resize") bytes = random.uniform() < luck ? apply(bytes, change) : bytes;
      else for (const sector of sectorsOf(change)) if (random.uniform() < luck) bytes = apply(bytes, sector);
    }
    return bytes;
  }
}

function apply(bytes: Buffer, change: Change): Buffer {
  if (change.kind === "resize") {
    const resized = Buffer.alloc(change.size);
    bytes.copy(resized);
    return resized;
  }
  const end = change.offset + change.bytes.length;
  const target = end <= bytes.length ? bytes : Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]);
  change.bytes.copy(target, change.offset);
  return target;
}

/** A disk writes whole sectors: the parts of a write that lie in different ones may fare differently. */
function* sectorsOf(write: Extract<Change, { kind: "write" }>): Generator<Change> {
  for (let done = 0; done < write.bytes.length; ) {
    const offset = write.offset + done;
    const length = Math.min(write.bytes.length - done, sectorBytes - (offset % sectorBytes));
    yield { ...write, offset, bytes: write.bytes.subarray(done, done + length) };
    done += length;
  }
}

// ------------------------------------------------------------------------------------------------- what strace wrote

const beginning = /^(\d+)\s+(\w+)\((\d+)(?:<([^>]*)>)?,? ?(.*)$/;
const resumption = /^(\d+)\s+<\.\.\. (\w+) resumed>/;

function* readMoments(trace: string): Generator<Moment> {
  /** By thread: the file that it syncs. */
  const syncing = new Map<string, string>();
  for (const line of trace.split("\n")) {
    const resumed = resumption.exec(line);
    if (resumed !== null) {
      const [, thread, call] = resumed;
      const file = syncing.get(thread!);
      if (/sync/.test(call!) && file !== undefined && line.endsWith("= 0"))
        yield { kind: "synced", file, thread: thread! };
      continue;
    }
    const begun = beginning.exec(line);
    if (begun === null) continue;
    const [, thread, call, , escapedPath = "", rest] = begun as unknown as [
      string,
      string,
      string,
      string,
      string?,
      string?,
    ];
    const file = bytesOf(escapedPath).toString("latin1");
    if (/^f(?:data)?sync$/.test(call)) {
      syncing.set(thread, file);
      yield { kind: "sync begins", file, thread };
      if (line.endsWith("= 0")) yield { kind: "synced", file, thread };
    } else if (call === "ftruncate") yield { kind: "resize", file, size: Number.parseInt(rest!, 10) };
    else if (call === "pwrite64") yield readWrite(file, rest!);
    else
      yield {
        kind: "said",
        text: [...rest!.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => bytesOf(hex!).toString("utf8")).join(""),
      };
  }
}

/** `"...", count, offset)`; what is longer than strace shows are the zeros that allocate space. */
function readWrite(file: string, rest: string): Moment {
  const [, hex, count, offset] = /^"((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?, (\d+), (\d+)/.exec(rest)!;
  const shown = bytesOf(hex!);
  const bytes = Buffer.concat([shown, Buffer.alloc(Number(count) - shown.length)]);
  return { kind: "write", file, offset: Number(offset), bytes };
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll("\\x", ""), "hex");
}
