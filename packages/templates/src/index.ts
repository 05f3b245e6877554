export { describeIssue, formatIssues } from "./describe-issue.ts";
export { importWfFormat } from "./import-wfformat.ts";
export { templateLimits } from "./limits.ts";
export { type LoadTemplateOptions, loadTemplate } from "./load-template.ts";
export { type TemplateDefaults, templateDefaults } from "./read-step.ts";
export { compileSchema } from "./schema/compile-schema.ts";
export { templateSchema } from "./template-schema.ts";
