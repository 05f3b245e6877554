/** What the exit code of a command means. Programs rely on these: they do not change. */
export const exitCodes = {
  ok: 0,
  taskFailed: 1,
  usage: 2,
  unreachable: 3,
  notAllowed: 4,
  timedOut: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
