"""Runs attempts: at most `concurrency` of a kind at once, in the order in which they came. However a handler ends, or if it
never does, its attempt gets a result and the others go on.

Handlers run in threads (plain functions), in one event loop (coroutines) or in processes of their own. `accept`, `cancel`,
`tick` and the rest belong to one thread; what handlers cause comes from theirs. Who may say how an attempt ended is decided
by taking it out of a dict, which only one thread can do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Protocol

from ..codec import json_text
from ..codec.batch import BatchStep
from ..codec.control import SettledCheckpoint
from ..codec.limits import DEEPEST_PAYLOAD, MAX_PROGRESS_BYTES, Limits
from ..codec.outgoing import Result
from ..log import Log
from .async_lane import AsyncLane
from .outcome import cancelled, raised, returned, timed_out
from .process_lane import ProcessLane, ProcessLost, Remote
from .registry import HandlerRegistry, Lane, RegisteredHandler
from .step import Attempt, Settle
from .thread_pool import ThreadPool


class Deliveries(Protocol):
    """What comes of attempts, on its way to the orchestrator. Called from any thread."""

    def result(self, origin: int, result: Result) -> None: ...

    def progress(self, origin: int, lease_id: str, progress_json: str) -> None: ...

    def checkpoint(self, origin: int, lease_id: str, seq: int, cursor_json: str) -> None: ...

    def lost(self, origin: int, lease_id: str) -> None:
        """Nobody will know what came of this attempt."""

    def overdue(self, count: int) -> None:
        """Attempts that ran past their time and still have not ended."""

    def wake(self) -> None:
        """`wakes_at` has come nearer."""


class Runner:
    def __init__(
        self,
        *,
        registry: HandlerRegistry,
        concurrency: int,
        processes: int,
        log: Log,
        deliveries: Deliveries,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives seconds that never jump."""
        self.log = log
        self._registry = registry
        self._concurrency = concurrency
        self._deliveries = deliveries
        self._clock = clock
        self._lock = threading.Lock()
        self._queued: dict[str, Attempt] = {}
        self._running: dict[str, Attempt] = {}
        self._ending: dict[str, Attempt] = {}
        """Their results are being delivered."""
        self._overdue: dict[str, Attempt] = {}
        self._unsettled: dict[str, list[tuple[int, Settle]]] = {}
        self._cursor_seqs: dict[str, int] = {}
        self._wakes_at = inf
        lanes = registry.lanes()
        self._pool: ThreadPool[Attempt] = ThreadPool(concurrency, self._run, "tasker-handler")
        self._loop = AsyncLane(concurrency, self._run_async) if "async" in lanes else None
        self._processes = ProcessLane(registry) if "process" in lanes else None
        self._followers: ThreadPool[Attempt] = ThreadPool(min(processes, concurrency), self._run, "tasker-process")
        """Each follows the process of an attempt."""

    @property
    def running_count(self) -> int:
        """Attempts that have begun, are not over, and have not run past their time."""
        return len(self._running)

    @property
    def is_idle(self) -> bool:
        """Nothing runs, and every result has been delivered. Overdue attempts do not count."""
        return not self._queued and not self._running and not self._ending

    @property
    def wakes_at(self) -> float:
        """When `tick` has something to do."""
        return self._wakes_at

    def accept(self, origin: int, steps: Sequence[BatchStep], limits: Limits) -> None:
        """Every one of these gets a result, is handed back by `drain`, or is reported as lost."""
        lanes: dict[Lane, list[Attempt]] = {}
        for step in steps:
            handler = self._registry[step.handler]
            attempt = handler.new_attempt(step, origin, limits, self, self._lock)
            self._queued[step.lease_id] = attempt
            lanes.setdefault(handler.lane, []).append(attempt)
        for lane, attempts in lanes.items():
            if lane == "async" and self._loop is not None:
                self._loop.put(attempts)
            elif lane == "process":
                self._followers.put(attempts)
            else:
                self._pool.put(attempts)

    def cancel(self, lease_ids: Sequence[str], reason: str) -> None:
        """Asks the handlers to stop; those that have not begun never do. Every one of them gets a result (R-60)."""
        for lease_id in lease_ids:
            queued = self._queued.pop(lease_id, None)
            if queued is not None:
                self._deliver(queued, cancelled(queued.request, reason, 0, None))
                continue
            attempt = self._running.get(lease_id) or self._overdue.get(lease_id)
            if attempt is not None:
                attempt.is_cancelled = True
                attempt.stop(reason)

    def settle(self, settled: SettledCheckpoint) -> None:
        """The orchestrator has kept, or refused, the cursors of a lease up to a `seq`."""
        with self._lock:
            waiting = self._unsettled.get(settled.lease_id, [])
            told = [settle for seq, settle in waiting if seq <= settled.seq]
            waiting[:] = [one for one in waiting if one[0] > settled.seq]
        for settle in told:
            settle(settled.refused)

    def drain(self) -> list[tuple[int, str]]:
        """Gives up what has not begun. Returns its origins and leases."""
        given_up = []
        for lease_id in self._queued.copy():
            attempt = self._queued.pop(lease_id, None)
            if attempt is not None:
                given_up.append((attempt.origin, lease_id))
        return given_up

    def abandon(self, reason: str) -> None:
        """Asks whatever still runs to stop, and waits for nothing any more."""
        for attempts in (self._running, self._overdue):
            for lease_id, attempt in attempts.copy().items():
                attempt.stop(reason)
                self._end_checkpoints(lease_id)

    def close(self) -> None:
        """Ends idle threads, the loop and the processes."""
        self._pool.close()
        self._followers.close()
        if self._loop is not None:
            self._loop.close()
        if self._processes is not None:
            self._processes.close()

    def tick(self, now: float) -> None:
        """Time has passed: reports attempts whose time is over, and asks them to stop (R-57)."""
        if now < self._wakes_at:
            return
        with self._lock:
            self._wakes_at = inf
        earliest = inf
        for lease_id, attempt in self._running.copy().items():
            ends_at = attempt.started_at + attempt.request.timeout_ms / 1000
            if ends_at > now:
                earliest = min(earliest, ends_at)
            elif self._move_to_overdue(lease_id):
                self._time_out(attempt, now)
        self._wake_by(earliest)
        if self._processes is not None and self._overdue:
            self._wake_by(self._processes.end_stuck(self._overdue.copy(), now))

    # ---------------------------------------------------------------------------------------------------- running

    def _run(self, attempt: Attempt) -> None:
        """In a thread of the pool. Never raises."""
        handler = self._begin(attempt)
        if handler is None:
            return
        try:
            if handler.lane == "process" and self._processes is not None:
                output: Any = self._processes.run(attempt)
            else:
                output = handler.run(attempt)
        except BaseException as error:
            self._end(attempt, handler, None, error)
        else:
            self._end(attempt, handler, output, None)

    async def _run_async(self, attempt: Attempt) -> None:
        """In the event loop. Never raises."""
        handler = self._begin(attempt)
        if handler is None:
            return
        try:
            output = await handler.run(attempt)
        except BaseException as error:
            self._end(attempt, handler, None, error)
        else:
            self._end(attempt, handler, output, None)

    def _begin(self, attempt: Attempt) -> RegisteredHandler | None:
        """Returns None when the attempt was cancelled or given back while it waited."""
        request = attempt.request
        now = self._clock()
        attempt.started_at = now
        self._running[request.lease_id] = attempt
        if self._queued.pop(request.lease_id, None) is None:
            self._running.pop(request.lease_id, None)
            return None
        ends_at = now + request.timeout_ms / 1000
        if ends_at < self._wakes_at:
            self._wake_by(ends_at)
        if self.log.writes_debug:
            attempt.log.debug("step.started", handler=request.handler)
        return self._registry[request.handler]

    def _end(self, attempt: Attempt, handler: RegisteredHandler, output: Any, error: BaseException | None) -> None:
        lease_id = attempt.request.lease_id
        ms = round((self._clock() - attempt.started_at) * 1000)
        self._ending[lease_id] = attempt
        in_time = self._running.pop(lease_id, None) is not None
        if self._unsettled:
            self._end_checkpoints(lease_id)
        # That it stopped because it was told to is no answer: it may have done its work by then, or half of it.
        stopped = error is not None and attempt.is_echo_of_stop(error)
        if not in_time:
            self._end_overdue(attempt, ms, answered=not stopped)
        if isinstance(error, ProcessLost):
            self._lose(attempt, error, in_time)
        elif stopped:
            if attempt.is_cancelled and in_time:
                reason = attempt.stop_reason or "cancelled"
                self._deliver(attempt, cancelled(attempt.request, reason, ms, handler.version))
        elif error is not None:
            self._deliver(attempt, raised(attempt.request, error, ms, handler.version))
        elif type(output) is Remote:
            self._deliver(attempt, output.result)
        else:
            max_bytes = attempt.limits.max_output_bytes
            self._deliver(attempt, returned(attempt.request, output, ms, handler.version, max_bytes))
        del self._ending[lease_id]

    def _lose(self, attempt: Attempt, error: ProcessLost, in_time: bool) -> None:
        attempt.log.error("step.lost", error=str(error))
        if in_time:
            self._deliveries.lost(attempt.origin, attempt.request.lease_id)

    def _deliver(self, attempt: Attempt, result: Result) -> None:
        if not result.completed:
            message = json_text.parse(result.error)["message"]
            attempt.log.warn(
                "step.failed", code=result.error_code, execution_ms=result.execution_time_ms, message=message
            )
        elif self.log.writes_debug:
            attempt.log.debug("step.completed", execution_ms=result.execution_time_ms)
        self._deliveries.result(attempt.origin, result)

    # --------------------------------------------------------------------------------------------------- timeouts

    def _wake_by(self, at: float) -> None:
        with self._lock:
            if at >= self._wakes_at:
                return
            self._wakes_at = at
        self._deliveries.wake()

    def _move_to_overdue(self, lease_id: str) -> bool:
        """Returns False when it has just ended."""
        with self._lock:
            attempt = self._running.pop(lease_id, None)
            if attempt is not None:
                self._overdue[lease_id] = attempt
        return attempt is not None

    def _time_out(self, attempt: Attempt, now: float) -> None:
        version = self._registry[attempt.request.handler].version
        ms = round((now - attempt.started_at) * 1000)
        self._deliver(attempt, timed_out(attempt.request, ms, version))
        self._overdue_changed()
        self._end_checkpoints(attempt.request.lease_id)
        attempt.stop(f"the step ran longer than {attempt.request.timeout_ms} ms")

    def _end_overdue(self, attempt: Attempt, ms: int, answered: bool) -> None:
        with self._lock:
            self._overdue.pop(attempt.request.lease_id, None)
        attempt.log.warn("step.ended_late", after_ms=ms, answered=answered)
        self._overdue_changed()

    def _overdue_changed(self) -> None:
        """An overdue handler keeps its slot, but all of them together leave one: else one that never ends ends the worker."""
        count = len(self._overdue)
        limit = max(self._concurrency, count + 1)
        self._pool.set_limit(limit)
        if self._loop is not None:
            self._loop.set_limit(limit)
        self._deliveries.overdue(count)

    # ----------------------------------------------------------------------------------- what handlers say meanwhile

    def progressed(self, attempt: Attempt, progress: Any) -> None:
        """Progress is for people: what cannot be sent is logged, and does not fail the step."""
        try:
            text = json_text.write(progress)
        except (TypeError, ValueError, RecursionError) as error:
            attempt.log.warn("step.progress_ignored", why=f"it is not JSON: {error}")
            return
        if len(text.encode()) > MAX_PROGRESS_BYTES or json_text.exceeds_depth(text, DEEPEST_PAYLOAD):
            attempt.log.warn("step.progress_ignored", why=f"more than 64 KiB, or than {DEEPEST_PAYLOAD} levels")
            return
        self._deliveries.progress(attempt.origin, attempt.request.lease_id, text)

    def save(self, attempt: Attempt, cursor_json: str, settle: Settle) -> None:
        lease_id = attempt.request.lease_id
        with self._lock:
            runs = self._running.get(lease_id) is attempt
            if runs:
                waiting = self._unsettled.setdefault(lease_id, [])
                seq = self._cursor_seqs.get(lease_id, 0) + 1
                self._cursor_seqs[lease_id] = seq
                waiting.append((seq, settle))
        if runs:
            self._deliveries.checkpoint(attempt.origin, lease_id, seq, cursor_json)
        else:
            settle("stale_lease")

    def _end_checkpoints(self, lease_id: str) -> None:
        """A call that waits must not outlive its attempt (R-82)."""
        with self._lock:
            waiting = self._unsettled.pop(lease_id, [])
            self._cursor_seqs.pop(lease_id, None)
        for _, settle in waiting:
            settle("stale_lease")
