/** What the bare pipeline's worker does with a batch: every step is completed at once. */

export const stepsTopic = "@w1 ";
export const resultsTopic = "results ";

/** @param frame a batch as it came from the socket. @returns the message of its results, topic included */
export function answer(frame: Buffer, output: unknown): string {
  const batch = JSON.parse(frame.toString("utf8", stepsTopic.length)) as {
    batch_id: string;
    steps: { step_id: number }[];
  };
  const items = batch.steps.map(({ step_id }) => ({ step_id, status: "completed", output }));
  return `${resultsTopic}${JSON.stringify({ batch_id: batch.batch_id, results: items })}`;
}
