/**
 * The turn log: what makes a commit durable. Each turn is one record, appended and fsynced; the tables of the database
 * follow in larger steps (publisher.ts). Two files take turns, so that one can be used again once its turns are durable in the
 * tables; space is allocated ahead, so that an fsync writes data and nothing else.
 *
 * A record: magic, lineage, turn (64 bits), bytes of the numbers and of the text, CRC-32 of all of that; then the numbers (64-bit
 * floats) and the text (UTF-8) of a packed list. The log ends at the first record that is not whole or does not follow the one before it: such a record was never
 * acknowledged.
 */
import { closeSync, fdatasyncSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { StoreError, TaskerError } from "@tasker/engine";
import type { PackedList } from "@tasker/json";
import { makePrivateFile } from "./private-file.ts";

const magic = 0x54534b31; // "TSK1"
const headerBytes = 28;
const allocationBytes = 1024 * 1024;

/** One turn as it stands in the log. */
export interface LoggedTurn {
  readonly turn: number;
  readonly packed: PackedList;
}

/** Where a record stands. */
export interface RecordPlace {
  /** 0 or 1: which of the two files. */
  readonly file: number;
  readonly start: number;
  readonly bytes: number;
}

export interface TurnLogOptions {
  /** Bytes after which the other file is used. */
  readonly segmentBytes: number;
}

export const defaultSegmentBytes = 32 * 1024 * 1024;

class Segment {
  readonly file: number;
  /** Where the next record goes. */
  end = 0;
  /** Bytes that the file has. */
  allocated: number;
  /** The last turn in it; 0: none that counts. */
  lastTurn = 0;

  constructor(path: string) {
    makePrivateFile(path);
    this.file = openSync(path, "r+");
    this.allocated = fstatSync(this.file).size;
  }
}

export class TurnLog {
  readonly #lineage: number;
  readonly #segmentBytes: number;
  readonly #segments: readonly [Segment, Segment];
  #current: Segment;
  #buffer = Buffer.allocUnsafe(256 * 1024);

  private constructor(segments: [Segment, Segment], lineage: number, { segmentBytes }: TurnLogOptions) {
    this.#segments = segments;
    this.#current = segments[0];
    this.#lineage = lineage;
    this.#segmentBytes = segmentBytes;
  }

  /**
   * Opens the log beside the database and reads the turns that its tables do not have yet. They have to be made durable there
   * before `startOver`.
   * @param published the last turn that they have
   * @throws TaskerError `database_unusable` when turns are missing between the two, or the log is another database's
   */
  static open(
    databasePath: string,
    lineage: number,
    published: number,
    options: TurnLogOptions = { segmentBytes: defaultSegmentBytes },
  ): { readonly log: TurnLog; readonly unpublished: readonly LoggedTurn[] } {
    const paths = pathsOf(databasePath);
    const segments = paths.map((path) => new Segment(path)) as [Segment, Segment];
    syncFolder(databasePath);
    const log = new TurnLog(segments, lineage, options);
    try {
      const runs = segments.map((segment, index) => log.#read(segment, paths[index]!));
      const unpublished = joinRuns(runs, published, databasePath);
      return { log, unpublished };
    } catch (error) {
      log.close();
      throw error;
    }
  }

  /**
   * Durable when it returns.
   * @throws StoreError `full` when there is no space: nothing was appended; `io` when nobody knows
   */
  append(turn: number, packed: PackedList): RecordPlace {
    const record = this.#encode(turn, packed);
    const segment = this.#current;
    this.#allocate(segment, segment.end + record.length);
    try {
      writeWhole(segment.file, record, segment.end);
    } catch (error) {
      throw asLogError(error, "appending to the turn log");
    }
    try {
      fdatasyncSync(segment.file);
    } catch (error) {
      throw new StoreError("io", `fsync of the turn log failed: ${(error as Error).message}`, { cause: error });
    }
    const place = { file: this.#segments.indexOf(segment), start: segment.end, bytes: record.length };
    segment.end += record.length;
    segment.allocated = Math.max(segment.allocated, segment.end);
    segment.lastTurn = turn;
    return place;
  }

  /** Goes on in empty files: all turns so far are durable in the tables. */
  startOver(): void {
    for (const segment of this.#segments) {
      segment.end = 0;
      segment.lastTurn = 0;
    }
  }

  /** The file in use has had its share: `swap` when the turns of the other one are durable in the tables. */
  get isFull(): boolean {
    return this.#current.end >= this.#segmentBytes;
  }

  /** The last turn of the file that is not in use. */
  get otherLastTurn(): number {
    return this.#other.lastTurn;
  }

  /** Goes on at the beginning of the other file. Its turns are lost. */
  swap(): void {
    this.#current = this.#other;
    this.#current.end = 0;
    this.#current.lastTurn = 0;
  }

  close(): void {
    for (const { file } of this.#segments) closeSync(file);
  }

  get #other(): Segment {
    return this.#current === this.#segments[0] ? this.#segments[1] : this.#segments[0];
  }

  #encode(turn: number, { text, numbers }: PackedList): Buffer {
    const most = headerBytes + numbers.byteLength + 3 * text.length;
    if (this.#buffer.length < most) this.#buffer = Buffer.allocUnsafe(most * 2);
    const buffer = this.#buffer;
    buffer.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), headerBytes);
    const textBytes = buffer.write(text, headerBytes + numbers.byteLength);
    buffer.writeUInt32LE(magic, 0);
    buffer.writeUInt32LE(this.#lineage, 4);
    buffer.writeBigUInt64LE(BigInt(turn), 8);
    buffer.writeUInt32LE(numbers.byteLength, 16);
    buffer.writeUInt32LE(textBytes, 20);
    buffer.writeUInt32LE(0, 24);
    const record = buffer.subarray(0, headerBytes + numbers.byteLength + textBytes);
    buffer.writeUInt32LE(crc32(record), 24);
    return record;
  }

  /** Zeros ahead of the record, so that most fsyncs need not write the file's size. Without space for them it goes on without. */
  #allocate(segment: Segment, bytes: number): void {
    if (bytes <= segment.allocated) return;
    const more = Buffer.alloc(Math.ceil((bytes - segment.allocated) / allocationBytes) * allocationBytes);
    try {
      writeWhole(segment.file, more, segment.allocated);
      segment.allocated += more.length;
    } catch (error) {
      if (asLogError(error, "").failure !== "full") throw asLogError(error, "allocating space for the turn log");
    }
  }

  /** The whole records from the beginning of a file, as long as each follows the one before. */
  #read(segment: Segment, path: string): LoggedTurn[] {
    const bytes = Buffer.alloc(segment.allocated);
    readSync(segment.file, bytes, 0, bytes.length, 0);
    const turns: LoggedTurn[] = [];
    for (;;) {
      const found = readRecord(bytes, segment.end);
      if (found === null || (turns.length > 0 && found.turn !== segment.lastTurn + 1)) return turns;
      if (found.lineage !== this.#lineage) throw foreign(path);
      turns.push(found);
      segment.end = found.end;
      segment.lastTurn = found.turn;
    }
  }
}

interface FoundRecord extends LoggedTurn {
  readonly lineage: number;
  readonly end: number;
}

function readRecord(bytes: Buffer, start: number): FoundRecord | null {
  if (start + headerBytes > bytes.length || bytes.readUInt32LE(start) !== magic) return null;
  const end = start + headerBytes + bytes.readUInt32LE(start + 16) + bytes.readUInt32LE(start + 20);
  if (end > bytes.length) return null;
  const record = Buffer.from(bytes.subarray(start, end));
  const checksum = record.readUInt32LE(24);
  record.writeUInt32LE(0, 24);
  if (crc32(record) !== checksum) return null;
  const turn = Number(record.readBigUInt64LE(8));
  return { lineage: record.readUInt32LE(4), turn, packed: unpackRecord(record), end };
}

function unpackRecord(record: Buffer): PackedList {
  const textAt = headerBytes + record.readUInt32LE(16);
  const numbers = new Float64Array((textAt - headerBytes) / Float64Array.BYTES_PER_ELEMENT);
  new Uint8Array(numbers.buffer).set(record.subarray(headerBytes, textAt));
  return { numbers, text: record.toString("utf8", textAt) };
}

/** Reads single records of a log that another thread writes. */
export class TurnLogReader {
  readonly #files: readonly number[];

  constructor(databasePath: string) {
    this.#files = pathsOf(databasePath).map((path) => openSync(path, "r"));
  }

  /** @throws StoreError `io` */
  read({ file, start, bytes }: RecordPlace): PackedList {
    try {
      const record = Buffer.allocUnsafe(bytes);
      readSync(this.#files[file]!, record, 0, bytes, start);
      return unpackRecord(record);
    } catch (error) {
      throw asLogError(error, "reading the turn log");
    }
  }

  close(): void {
    for (const file of this.#files) closeSync(file);
  }
}

function pathsOf(databasePath: string): readonly string[] {
  return [`${databasePath}-turns-a`, `${databasePath}-turns-b`];
}

/** The turns of both files in one line, without those that the tables have. */
function joinRuns(runs: readonly (readonly LoggedTurn[])[], published: number, databasePath: string): LoggedTurn[] {
  const joined = runs.toSorted((a, b) => (a[0]?.turn ?? 0) - (b[0]?.turn ?? 0)).flat();
  const unpublished = joined.filter(({ turn }) => turn > published);
  for (const [index, { turn }] of unpublished.entries()) {
    if (turn === published + 1 + index) continue;
    throw new TaskerError(
      "database_unusable",
      `turns ${published + 1 + index} to ${turn - 1} of ${databasePath} are missing in its turn log`,
      { hint: "Restore the database and its two -turns files from the same backup." },
    );
  }
  return unpublished;
}

function foreign(path: string): TaskerError {
  return new TaskerError("database_unusable", `${path} is the turn log of another database`, {
    hint: "Move it away if this database is complete without it; else restore both from the same backup.",
  });
}

function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(file, bytes, written, bytes.length - written, position + written);
  }
}

function asLogError(error: unknown, doing: string): StoreError {
  const { code, message } = error as NodeJS.ErrnoException;
  const failure = code === "ENOSPC" || code === "EDQUOT" ? "full" : "io";
  return new StoreError(failure, `${doing}: ${message}`, { cause: error });
}

/** The names of new files are durable. */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
