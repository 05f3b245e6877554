/** What a template document may be at most. A document beyond a limit is refused with that limit in the message. */
export const templateLimits = {
  documentBytes: 8 * 1024 * 1024,
  /** YAML is read a hundred times slower than JSON: 4 MiB take some seconds. */
  yamlBytes: 4 * 1024 * 1024,
  /** Maps and lists inside each other. */
  nesting: 64,
  /** Values that YAML aliases (`*name`) stand for, all together: what an alias bomb runs into. */
  aliasedValues: 100_000,
  steps: 10_000,
  /** `config` of one step, as JSON. */
  configBytes: 256 * 1024,
  /** One `input_schema` or `result_schema`, as JSON. */
  schemaBytes: 128 * 1024,
  nameLength: 128,
  handlerLength: 500,
  descriptionLength: 10_000,
  versionLength: 50,
  retries: 1000,
  /** Issues listed in one error; the rest are counted. */
  issues: 100,
} as const;

export const tooDeep = `maps and lists are nested more than ${templateLimits.nesting} deep`;
