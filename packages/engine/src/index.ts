export * from "./domain/errors.ts";
export * from "./domain/states.ts";
export * from "./domain/template.ts";
export * from "./ports.ts";
