/** JSON that people and programs read, made from rows: pure functions, for the reader's thread and for fresh tasks. */

export type { ServedHandlers } from "../ports.ts";
export { eventJson, eventPageJson } from "./event-json.ts";
export { type TaskItemView, type TaskProgress, taskItemJson, taskPageJson } from "./task-item-json.ts";
export { type TaskView, type TaskViewOptions, taskJson } from "./task-json.ts";
export { type TemplateItemView, templateItemJson, templateJson, templatePageJson } from "./template-json.ts";
