/** Wrong about what messages and payloads hold. */
import { type ControlMessage, type DecodedBatch, ProtocolError } from "@tasker/protocol";
import { type RawHandler, type RawStep, handlers as rightHandlers } from "../handlers.ts";
import { RawWorker } from "../raw-worker.ts";
import type { Wrong } from "../wrong.ts";

export const wrongPayloads: readonly Wrong[] = [
  {
    name: "mangles-big-integers",
    wrongness: "reads numbers as doubles",
    breaks: "R-66",
    fails: [
      "payloads/64-bit-integers",
      "payloads/larger-integers",
      "payloads/integers-through-the-values-of-the-language",
    ],
    passes: ["payloads/numbers", "payloads/unicode"],
    Worker: class extends RawWorker {
      override read(text: string): unknown {
        return JSON.parse(text);
      }
    },
  },
  {
    name: "mends-lone-surrogates",
    wrongness: "replaces what is no whole character",
    breaks: "R-67",
    fails: ["payloads/lone-surrogates"],
    passes: ["payloads/unicode", "payloads/control-characters"],
    Worker: class extends RawWorker {
      override write(value: unknown): string | undefined {
        return super.write(value)?.replace(/\\ud[89a-f][0-9a-f]{2}/gi, "\\ufffd");
      }
    },
  },
  {
    name: "cuts-at-nul",
    wrongness: "hands strings to something that ends them at NUL",
    breaks: "R-67",
    fails: ["payloads/control-characters"],
    passes: ["payloads/unicode", "payloads/lone-surrogates"],
    Worker: class extends RawWorker {
      override write(value: unknown): string | undefined {
        return super.write(value)?.replace(/\\u0000[^"]*/g, "");
      }
    },
  },
  {
    name: "pollutes-its-prototypes",
    wrongness: "merges payloads into objects, member by member",
    breaks: "R-68",
    fails: ["payloads/names-of-the-language"],
    passes: ["payloads/unicode"],
    Worker: class extends RawWorker {
      override read(text: string): unknown {
        return merge({}, super.read(text));
      }
    },
  },
  {
    name: "forgets-the-config",
    wrongness: "hands the handler an empty config and earlier results of nobody",
    breaks: "R-66",
    fails: ["payloads/what-a-handler-sees", "payloads/of-a-whole-task"],
    passes: ["payloads/unicode"],
    Worker: class extends RawWorker {
      override handlers: Readonly<Record<string, RawHandler>> = {
        ...rightHandlers,
        "conformance.inspect": (step: RawStep) =>
          rightHandlers["conformance.inspect"]!({ ...step, config: {}, previousResults: {} }),
      };
    },
  },
  {
    name: "dies-of-what-it-cannot-read",
    wrongness: "ends with an exception when a message is malformed",
    breaks: "R-75",
    fails: ["malformed/not-a-message"],
    passes: ["malformed/unknown-members-and-types"],
    Worker: class extends RawWorker {
      override onMalformed(error: Error): void {
        if (!(error instanceof ProtocolError) || error.code !== "unknown_type") throw new Error(error.message);
      }
    },
  },
  {
    name: "refuses-in-silence",
    wrongness: "drops what it cannot read, and tells nobody",
    breaks: "R-72",
    fails: ["malformed/is-visible"],
    passes: ["malformed/not-a-message"],
    Worker: class extends RawWorker {
      override onMalformed(): void {}
    },
  },
  {
    name: "wants-no-news",
    wrongness: "refuses messages with members that it does not know",
    breaks: "R-5",
    fails: ["malformed/unknown-members-and-types"],
    passes: ["malformed/not-a-message"],
    Worker: class extends RawWorker {
      override decode(frame: Buffer): DecodedBatch | ControlMessage {
        if (/"(new_member|labels)":/.test(frame.toString())) {
          throw new ProtocolError("invalid_value", "", "known members", "others");
        }
        return super.decode(frame);
      }
    },
  },
  {
    name: "joins-frames",
    wrongness: "takes the first frame of a message for the whole of it",
    breaks: "R-1",
    fails: ["malformed/several-frames"],
    passes: ["malformed/not-a-message"],
    Worker: class extends RawWorker {
      override receive([frame]: readonly Buffer[]): void {
        super.receive([frame!]);
      }
    },
  },
  {
    name: "takes-every-version",
    wrongness: "does not look at protocol_version",
    breaks: "R-8",
    fails: ["malformed/another-version"],
    passes: ["malformed/not-a-message"],
    Worker: class extends RawWorker {
      override decode(frame: Buffer): DecodedBatch | ControlMessage {
        return super.decode(
          Buffer.from(frame.toString().replace(/"protocol_version":"\d\.\d"/, '"protocol_version":"2.0"')),
        );
      }
    },
  },
  {
    name: "takes-frames-of-any-size",
    wrongness: "has no limits",
    breaks: "R-70",
    fails: ["malformed/larger-than-the-limit"],
    passes: ["malformed/not-a-message"],
    Worker: class extends RawWorker {
      override decode(frame: Buffer): DecodedBatch | ControlMessage {
        if (frame.length <= 16 * 1024 * 1024) return super.decode(frame);
        return super.decode(Buffer.from(frame.toString().replace(/x{1000,}/, "x")));
      }
    },
  },
  {
    name: "says-things-twice",
    wrongness: "writes members twice into its results",
    breaks: "R-7",
    fails: ["always/no-duplicate-members"],
    passes: ["malformed/not-a-message"],
    Worker: class extends RawWorker {
      override sendText(text: string): void {
        super.sendText(text.replace('"status":"completed"', '"status":"failed","status":"completed"'));
      }
    },
  },
  {
    name: "sends-two-frames",
    wrongness: "sends topic and payload as two frames",
    breaks: "R-1",
    fails: ["hello/says-who-it-is", "always/every-frame-is-a-message"],
    Worker: class extends RawWorker {
      override sendText(text: string): void {
        const at = text.indexOf(" ");
        this.publisher!.send([text.slice(0, at + 1), text.slice(at + 1)]).catch(() => {});
      }
    },
  },
];

// biome-ignore lint/suspicious/noExplicitAny: the mistake is that it takes whatever comes
function merge(target: any, source: any): any {
  if (source === null || typeof source !== "object" || Array.isArray(source)) return source;
  for (const key of Object.keys(source)) {
    const value = source[key];
    target[key] = value !== null && typeof value === "object" ? merge(target[key] ?? {}, value) : value;
  }
  return target;
}
