/* Loaded with --require: this Node says that it is version 20. What it starts does not. */
Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.1.0" } });
