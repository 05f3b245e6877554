/**
 * Deliberate bugs, to prove that the simulation finds such. Each replaces one exact piece of the real source while it is
 * loaded; nothing on disk changes. Some are bugs that the simulation has found: those bring them back.
 */

export interface Mutation {
  readonly name: string;
  /** Path in the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** It was a real bug before it was a mutation. */
  readonly wasReal?: true;
}

const engine = "packages/engine/src";
const zeromq = "packages/executors/src/zeromq";
const store = "packages/store/src/sqlite";
const session = "workers/typescript/src/session";

export const mutations: readonly Mutation[] = [
  {
    name: "effects before the commit",
    file: `${engine}/engine.ts`,
    find: "if (!turn.isEmpty) await this.#commit(turn);\n      this.#release(turn);",
    replace: "this.#release(turn);\n      if (!turn.isEmpty) await this.#commit(turn);",
  },
  {
    name: "ack before the commit",
    file: `${engine}/lifecycle/apply-results.ts`,
    find: "turn.acknowledge(sender, result);",
    replace: "sender?.info.executor.acknowledge(sender.info.key, [result.leaseId]);",
  },
  {
    name: "a checkpoint is confirmed before the commit",
    file: `${engine}/lifecycle/save-checkpoint.ts`,
    find: "turn.settleCheckpoint(sender, { leaseId, seq, refused: null });",
    replace: "sender?.info.executor.settleCheckpoints(sender.info.key, [{ leaseId, seq, refused: null }]);",
  },
  {
    name: "the next attempt begins anew",
    file: `${engine}/lifecycle/dispatch-ready-steps.ts`,
    find: "checkpoint: step.checkpoint === null ? null : cursorOf(turn, step, loaded)",
    replace: "checkpoint: null",
  },
  {
    name: "a checkpoint under a revoked lease is kept",
    file: `${engine}/lifecycle/save-checkpoint.ts`,
    find: 'if (step?.state !== "in_progress") {',
    replace: "if (step === undefined) {",
  },
  {
    name: "an older checkpoint replaces a newer one",
    file: `${engine}/lifecycle/save-checkpoint.ts`,
    find: "kept.seq < seq",
    replace: "kept.seq !== seq",
  },
  {
    name: "a restart forgets checkpoints",
    file: "packages/store/src/sqlite/queries/find-active-tasks.ts",
    find: "checkpoint: toCheckpoint(record)",
    replace: "checkpoint: null",
  },
  {
    name: "reply before the commit",
    file: `${engine}/engine.ts`,
    find: "turn.after(() => input.answer.resolve(outcomes));",
    replace: "input.answer.resolve(outcomes);",
  },
  {
    name: "a refusal although it was stored",
    file: `${engine}/engine.ts`,
    find: "    const record = turn.seal(this.#world.memory);",
    replace:
      '    const record = turn.seal(this.#world.memory);\n    if (turn.newTasks.length > 2) { await store.commit(record); throw new StoreError("busy", "after all"); }',
  },
  {
    name: "no fence: any result for the step is its result",
    file: `${engine}/lifecycle/apply-results.ts`,
    find: "else if (step === undefined || step.leaseId !== result.leaseId) {",
    replace: "else if (step === undefined) {",
  },
  {
    name: "a result applied twice",
    file: `${engine}/lifecycle/apply-results.ts`,
    find: "  turn.answered.add(step.leaseId!);\n  world.memory.leased.delete(step.stepId);\n",
    replace: "",
  },
  {
    name: "a late result dropped",
    file: `${engine}/lifecycle/apply-results.ts`,
    find: "  else applyLate(world, turn, step, result);\n",
    replace: "",
  },
  {
    name: "a stale result forgotten",
    file: `${engine}/lifecycle/apply-results.ts`,
    find: "  turn.noteInactive(world.memory, row.taskId, lateTransition(name, row.state, null, result));\n",
    replace: "",
  },
  {
    name: "the slot of a revoked lease never comes back",
    file: `${engine}/lifecycle/apply-results.ts`,
    find: "  owner?.revokedLeases.delete(result.leaseId);\n  sender?.revokedLeases.delete(result.leaseId);\n",
    replace: "",
  },
  {
    name: "the late result of a step that has another owner frees that one's slot",
    file: `${engine}/lifecycle/apply-results.ts`,
    find: "  owner?.revokedLeases.delete(result.leaseId);\n  sender?.revokedLeases.delete(result.leaseId);\n",
    replace: "  (owner ?? sender)?.revokedLeases.delete(result.leaseId);\n",
    wasReal: true,
  },
  {
    name: "lost wake-up: what came during a turn waits for the next to come",
    file: `${engine}/engine.ts`,
    find: "if (!this.#inbox.isEmpty || this.#failures > 0) this.#schedule();\n    else this.#wakeLater();",
    replace: "this.#wakeLater();",
  },
  {
    name: "the retry has no timer",
    file: `${engine}/upkeep/revoke-leases.ts`,
    find: "  world.memory.timers.push(step);\n",
    replace: "",
  },
  {
    name: "the retry's time is not stored",
    file: `${engine}/upkeep/revoke-leases.ts`,
    find: "  step.wakeAt = turn.at + delay;\n",
    replace: "",
  },
  {
    name: "a join is released by its first dependency",
    file: `${engine}/lifecycle/make-ready.ts`,
    find: "if (dependent.openDependencies === 0 && ",
    replace: "if (dependent.openDependencies <= 1 && ",
  },
  {
    name: "a completed step is counted twice at its dependants",
    file: `${engine}/lifecycle/apply-results.ts`,
    find: "  releaseDependents(world, turn, step);\n",
    replace: "  releaseDependents(world, turn, step);\n  releaseDependents(world, turn, step);\n",
  },
  {
    name: "attempts are not counted",
    file: `${engine}/lifecycle/dispatch-ready-steps.ts`,
    find: "    step.attempt++;\n",
    replace: "    step.attempt ||= 1;\n",
  },
  {
    name: "hold treated as retry",
    file: `${engine}/upkeep/revoke-leases.ts`,
    find: 'if (step.plan.onLost === "hold") {',
    replace: 'if (step.plan.onLost === "hold" && reason === "timeout") {',
  },
  {
    name: "more steps than the worker has slots",
    file: `${engine}/roster.ts`,
    find: "return Math.max(0, this.capacity - this.inFlight);",
    replace: "return this.capacity;",
  },
  {
    name: "the second of two submissions with one key, in one turn, is another task",
    file: `${engine}/lifecycle/submit-tasks.ts`,
    find: "if (row.idempotencyKey !== null) knownKeys.set(row.idempotencyKey, row);",
    replace: "",
  },
  {
    name: "another body under the same key is taken for the same",
    file: `${engine}/lifecycle/submit-tasks.ts`,
    find: "if (known.fingerprint === request.fingerprint) {",
    replace: "{",
  },
  {
    name: "previous results of the dependencies alone",
    file: `${engine}/lifecycle/dispatch-ready-steps.ts`,
    find: ": ancestorsOf(task.plan, plan);",
    replace: ": plan.dependencies;",
  },
  {
    name: "history numbers by row, not by transition",
    file: `${engine}/turn.ts`,
    find: "memory.nextSeq += transitions.length;",
    replace: "memory.nextSeq += 1;",
  },
  {
    name: "recovery forgets the queue",
    file: `${engine}/upkeep/recover.ts`,
    find: '  if (state === "ready") ready.push(step);\n',
    replace: "",
  },
  {
    name: "recovery forgets what is ready without a row",
    file: `${engine}/upkeep/recover.ts`,
    find: "  for (const index of task.plan.roots) task.step(index);\n",
    replace: "",
  },
  {
    name: "leases that nobody declares never expire",
    file: `${engine}/upkeep/expire-leases.ts`,
    find: "for (const step of overdue(world.memory.orphans, turn.now)) {",
    replace: "for (const step of overdue(new Set<Step>(), turn.now)) {",
  },
  {
    name: "leases that a worker declares are not believed",
    file: `${engine}/lifecycle/admit-worker.ts`,
    find: "for (const leaseId of info.heldLeases) {",
    replace: "for (const leaseId of [] as string[]) {",
  },
  {
    name: "a finished task stays in memory",
    file: `${engine}/lifecycle/finalise-task.ts`,
    find: "  if (final) forgetTask(world, task);\n",
    replace: "",
  },
  {
    name: "the payloads of a finished task stay in memory",
    file: `${engine}/lifecycle/finalise-task.ts`,
    find: "  world.memory.payloads.dropTask(task);\n",
    replace: "",
  },
  {
    name: "the lease is not stored",
    file: "packages/store/src/sqlite/commands/write-steps.ts",
    find: "leaseFirst.run(stepId, taskId, stepIndex, leaseId,",
    replace: "leaseFirst.run(stepId, taskId, stepIndex, null,",
  },
  {
    name: "earlier leases are not kept",
    file: "packages/store/src/sqlite/publisher.ts",
    find: "    const replaced = guard === null || guard.leaseId === null || guard.leaseId === row.leaseId ? [] : [guard.leaseId];\n",
    replace: "    const replaced: string[] = [];\n",
  },
  {
    name: "outputs parsed and written again",
    file: `${zeromq}/results.ts`,
    find: "output: completed ? item.output : null,",
    replace: "output: completed ? JSON.stringify(JSON.parse(item.output)) : null,",
  },
  {
    name: "a batch that was lost is not missed",
    file: `${zeromq}/sessions.ts`,
    find: "    this.#ports.events.leasesMissing(session.key, missing);\n",
    replace: "",
  },
  {
    name: "a refused send is forgotten",
    file: `${zeromq}/session-speaker.ts`,
    find: "if (session.hello !== null) session.unsent.push(batch);",
    replace: "",
  },
  {
    name: "the loss of a worker is not reported",
    file: `${zeromq}/sessions.ts`,
    find: "    events.workerLost(session.key, reason);\n",
    replace: "",
  },
  {
    name: "a standstill of the orchestrator is the workers' silence",
    file: `${zeromq}/awake-time.ts`,
    find: "this.#now += Math.min(passed, this.#longestStepMs);",
    replace: "this.#now += passed;",
  },
  {
    name: "a doubled batch runs twice",
    file: `${session}/session.ts`,
    find: "    if (!this.#recentBatches.add(batch.seq)) return;\n",
    replace: "",
  },
  {
    name: "results are sent once",
    file: `${session}/outbox.ts`,
    find: "        due.push(entry);\n",
    replace: "",
  },
  {
    name: "the outbox is lost with the session",
    file: `${session}/session.ts`,
    find: "  #lose(): void {\n",
    replace:
      "  #lose(): void {\n    for (const lease of [...this.#outbox.leaseIds()]) this.#outbox.acknowledge(lease, this.#now);\n",
  },
  {
    name: "a hello does not tell of running steps",
    file: `${session}/session.ts`,
    find: "      leases: [...this.#holdings.leaseIds()],\n",
    replace: "      leases: [],\n",
  },
  {
    name: "a context that does not fit the cache stops the engine",
    file: `${engine}/lifecycle/dispatch-ready-steps.ts`,
    find: "return task.context ?? world.memory.payloads.get(task)",
    replace: "return world.memory.payloads.get(task)",
    wasReal: true,
  },
  {
    name: "what workers said in a failed turn is forgotten",
    file: `${engine}/engine.ts`,
    find: "    this.#inbox.putBack(inputs);\n",
    replace: "",
    wasReal: true,
  },
  {
    name: "after a failed commit, a lease goes to whoever its row names",
    file: `${engine}/upkeep/recover.ts`,
    find: "  const owner = known?.owner ?? null;\n",
    replace:
      "  const owner = known?.owner ?? [...world.roster.all()].find(({ info }) => info.workerId === step.workerId) ?? null;\n",
    wasReal: true,
  },
  {
    name: "a standstill of the orchestrator counts against leases",
    file: `${engine}/upkeep/expire-leases.ts`,
    find: "  if (lateMs > sweepIntervalMs) forgivePause(world, lateMs);\n",
    replace: "",
    wasReal: true,
  },
  {
    name: "a clock that was set back delays retries",
    file: `${engine}/upkeep/recover.ts`,
    find: "return Math.max(0, Math.min(wakeAt - at, wakeAt - (finishedAt ?? at)));",
    replace: "return Math.max(0, wakeAt - at);",
    wasReal: true,
  },
  {
    name: "the slot of a plain worker never comes back",
    file: `${engine}/roster.ts`,
    find: "this.info.oneBatchAtATime ? deadline : Number.POSITIVE_INFINITY",
    replace: "Number.POSITIVE_INFINITY",
    wasReal: true,
  },
  {
    name: "a deaf session is asked once",
    file: `${zeromq}/sessions.ts`,
    find: "if (session.deaf) this.#speaker.say",
    replace: "if (undelivered.length > 0) this.#speaker.say",
    wasReal: true,
  },
  {
    name: "the ack of a timeout is one for the late result too",
    file: `${session}/outbox.ts`,
    find: 'return entry?.item.error_code === "timeout" ? this.#forget(entry, now) : null;',
    replace: "return this.acknowledge(leaseId, now);",
    wasReal: true,
  },
  {
    name: "batches have the numbers of before the restart, and are taken for doubles",
    file: `${zeromq}/roster.ts`,
    find: "firstSeq: ports.firstSeq ?? (() => 0),",
    replace: "firstSeq: () => 0,",
    wasReal: true,
  },
  {
    name: "a batch that crossed with the bye is lost",
    file: `${zeromq}/sessions.ts`,
    find: "last_seq === null ? [] : session.takeLater(last_seq)",
    replace: "last_seq === null ? session.takeLater(0) : []",
    wasReal: true,
  },
  {
    name: "of a batch in several messages only the first is run",
    file: `${session}/session.ts`,
    find: "    if (!this.#recentBatches.add(batch.seq)) return;\n",
    replace: "    if (!this.#recentBatches.add(batch.batch_id as unknown as number)) return;\n",
    wasReal: true,
  },
  {
    name: "a restart forgets the turns that only the log has",
    file: "packages/store/src/open-store.ts",
    find: "    for (const { turn, packed } of unpublished) publisher.take(turn, packed);\n",
    replace: "",
  },
  {
    name: "leases are read from tables that lag behind",
    file: `${store}/sqlite-store.ts`,
    find: "    const known = this.#unpublished.step(stepId);\n    const [stored]",
    replace: "    const known = this.#unpublished.step(-stepId);\n    const [stored]",
  },
  {
    name: "leases that were replaced between two publications are forgotten",
    file: `${store}/publisher.ts`,
    find: "      if (replaced.length > 0) earlier.replacedLeases = [...earlier.replacedLeases, ...replaced];\n",
    replace: "",
  },
];
