export * from "./build-template.ts";
export * from "./fake-clock.ts";
export * from "./recording-executor.ts";
export * from "./recording-log.ts";
export * from "./seeded-random.ts";
