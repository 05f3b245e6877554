/** The frames of one round, in both codecs: legal, nearly legal, damaged in structure, damaged in bytes, noise. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SeededRandom } from "@tasker/testkit";
import { Grammar, type Message } from "./grammar.ts";
import { mutateBytes, mutateTree } from "./mutate.ts";
import { writePacked } from "./packed.ts";
import { between, chance, pick } from "./random.ts";
import { write } from "./tree.ts";
import type { Vocabulary } from "./vocabulary.ts";

const vectors = join(import.meta.dirname, "../protocol/vectors");
const odders = ["steps", "results", "worker", "@", "@w1-0a1b2c3d", "", "results ", "RESULTS", "\u0000", "ß"];

/** The frames of the specification's test vectors, good and bad ones. */
const corpus = ["accept", "reject"].flatMap((folder) =>
  readdirSync(join(vectors, folder)).map((file) => readVector(join(vectors, folder, file))),
);

function readVector(path: string): Buffer {
  const { frame, frame_base64 } = JSON.parse(readFileSync(path, "utf8")) as { frame?: string; frame_base64?: string };
  return frame_base64 === undefined ? Buffer.from(frame ?? "") : Buffer.from(frame_base64, "base64");
}

export class Frames {
  readonly grammar: Grammar;
  readonly #random: SeededRandom;
  #last: Buffer = Buffer.from("results {}");

  constructor(random: SeededRandom, words: Vocabulary) {
    this.#random = random;
    this.grammar = new Grammar(random, words);
  }

  /** @param make the message that it is, unless it is something else */
  next(make: () => Message): Buffer {
    const frame = this.#make(make);
    this.#last = frame;
    return frame;
  }

  #make(make: () => Message): Buffer {
    const random = this.#random;
    const draw = random.uniform();
    if (draw < 0.03) return this.#damaged(pick(random, corpus));
    if (draw < 0.05) return this.#noise();
    const message = make();
    if (draw < 0.3) for (let times = between(random, 1, 3); times > 0; times--) mutateTree(random, message.body);
    const topic = chance(random, 0.01) ? pick(random, odders) : message.topic;
    const frame = chance(random, 0.25)
      ? Buffer.concat([Buffer.from(`${topic} `), writePacked(random, message.body)])
      : Buffer.from(`${topic} ${write(message.body)}`);
    return draw < 0.55 && draw >= 0.3 ? this.#damaged(frame) : frame;
  }

  #damaged(frame: Buffer): Buffer {
    return chance(this.#random, 0.9) ? mutateBytes(this.#random, frame, this.#last) : frame;
  }

  #noise(): Buffer {
    const random = this.#random;
    const bytes = Buffer.from(Array.from({ length: random.below(120) }, () => random.below(256)));
    return chance(random, 0.5)
      ? bytes
      : Buffer.concat([Buffer.from(pick(random, ["results ", "worker ", "@w1 "])), bytes]);
  }
}
