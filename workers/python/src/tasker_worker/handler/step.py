"""What a handler sees of the attempt that it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ..codec import json_text
from ..codec.batch import BatchStep
from ..codec.limits import DEEPEST_PAYLOAD, Limits
from ..log import Log
from .errors import CheckpointRefused, StepStopped

Settle = Callable[[str | None], None]
"""Told once how a checkpoint went: None when it is kept, else a code."""


class AttemptHost(Protocol):
    """What an attempt needs of the one who runs it. Called from whatever thread the handler uses."""

    log: Log

    def progressed(self, attempt: Attempt, progress: Any) -> None: ...

    def save(self, attempt: Attempt, cursor_json: str, settle: Settle) -> None:
        """Sends a cursor; `settle` is called once, perhaps at once, in any thread."""


class Attempt:
    """One attempt of a step: what the two forms of `Step` have in common. Payloads are plain values with exact integers."""

    __slots__ = (
        "_event",
        "_host",
        "_lock",
        "_log",
        "_on_stop",
        "is_cancelled",
        "limits",
        "origin",
        "request",
        "started_at",
        "stop_reason",
    )

    def __init__(
        self, request: BatchStep, origin: int, limits: Limits, host: AttemptHost, lock: threading.Lock
    ) -> None:
        self.request = request
        self.origin = origin
        """Which orchestrator sent it: its place among the endpoints."""
        self.limits = limits
        self.started_at = 0.0
        self.stop_reason: str | None = None
        """Why the handler was asked to stop; None when it was not."""
        self.is_cancelled = False
        """The orchestrator wants it to stop, and waits for a result."""
        self._host = host
        self._lock = lock
        self._log: Log | None = None
        self._event: threading.Event | None = None
        self._on_stop: Callable[[str], object] | None = None

    @property
    def context(self) -> Any:
        """What the task was submitted with."""
        return self.request.context

    @property
    def config(self) -> dict[str, Any]:
        """The step's `config` in the template (seed: `handler_config`)."""
        return self.request.config

    @property
    def previous_results(self) -> dict[str, Any]:
        """Outputs of earlier steps, by step name."""
        return self.request.previous_results

    @property
    def task_id(self) -> str:
        """UUID of the task, as `tasker task get` takes it."""
        return self.request.task_id

    @property
    def step_name(self) -> str:
        """The step's name in the template."""
        return self.request.step_name

    @property
    def attempt(self) -> int:
        """From 1."""
        return self.request.attempt

    @property
    def max_attempts(self) -> int:
        return self.request.retry_limit + 1

    @property
    def is_last_attempt(self) -> bool:
        return self.request.attempt > self.request.retry_limit

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts of this step, and no other step's: pass it on to the outside world."""
        return self.request.idempotency_key

    @property
    def timeout_ms(self) -> int:
        """Milliseconds that this attempt may take."""
        return self.request.timeout_ms

    @property
    def cursor(self) -> Any:
        """The newest checkpoint of an earlier attempt; None when there is none."""
        return self.request.cursor

    @property
    def cancelled(self) -> bool:
        """It should stop: it ran out of time, its task was cancelled, or the worker leaves."""
        return self.stop_reason is not None

    @property
    def log(self) -> Log:
        """Writes structured logs that name task, step, attempt and lease."""
        if self._log is None:
            request = self.request
            self._log = self._host.log.with_fields(
                task=request.task_id, step=request.step_name, attempt=request.attempt, lease=request.lease_id
            )
        return self._log

    def heartbeat(self, progress: Any = None) -> None:
        """Says how far it is, to whoever watches the task. Any JSON of at most 64 KiB; it travels with the next heartbeat."""
        self._host.progressed(self, progress)

    def stop(self, reason: str) -> None:
        """Asks the handler to stop. Only the first reason counts."""
        with self._lock:
            if self.stop_reason is not None:
                return
            self.stop_reason = reason
            event, on_stop = self._event, self._on_stop
        if event is not None:
            event.set()
        if on_stop is not None:
            on_stop(reason)

    def when_stopped(self, on_stop: Callable[[str], object]) -> None:
        """Calls this once with the reason, at once if it was asked to stop already."""
        with self._lock:
            self._on_stop = on_stop
            reason = self.stop_reason
        if reason is not None:
            on_stop(reason)

    def is_echo_of_stop(self, error: BaseException) -> bool:
        """Whether this error only repeats that the handler was asked to stop, which says nothing about what it had done by then."""
        return self.stop_reason is not None and isinstance(error, (StepStopped, asyncio.CancelledError))

    def save_json(self, cursor_json: str, settle: Settle) -> None:
        """Saves a cursor that is JSON text already."""
        self._host.save(self, cursor_json, settle)

    def _cursor_json(self, cursor: Any) -> str:
        text = json_text.write(cursor)
        most = self.limits.max_checkpoint_bytes
        if len(text) * 4 > most and len(text.encode()) > most:
            raise CheckpointRefused("too_large")
        if json_text.exceeds_depth(text, DEEPEST_PAYLOAD):
            raise ValueError(f"the cursor is nested deeper than {DEEPEST_PAYLOAD} levels")
        return text


class Step(Attempt):
    """One attempt of a step, for handlers that are plain functions."""

    __slots__ = ()

    def wait(self, seconds: float) -> bool:
        """Sleeps so long, less if the step is asked to stop meanwhile. Returns whether it is."""
        with self._lock:
            if self.stop_reason is not None:
                return True
            if self._event is None:
                self._event = threading.Event()
        return self._event.wait(seconds)

    def raise_if_cancelled(self) -> None:
        """Raises StepStopped once the step should stop: call it between pieces of work that may be left undone."""
        if self.stop_reason is not None:
            raise StepStopped(self.stop_reason)

    def checkpoint(self, cursor: Any, *, wait: bool = True) -> None:
        """Saves how far the work is, so that a later attempt finds it in `cursor`. Any JSON; None means: begin anew.

        Returns once the orchestrator has made it durable; with `wait=False` at once, and then nothing is promised but that
        it is sent. Raises CheckpointRefused; TypeError or ValueError when it is not JSON.
        """
        text = self._cursor_json(cursor)
        if not wait:
            self.save_json(text, lambda code: None)
            return
        settled = threading.Event()
        codes: list[str | None] = []

        def settle(code: str | None) -> None:
            codes.append(code)
            settled.set()

        self.save_json(text, settle)
        settled.wait()
        if codes[0] is not None:
            raise CheckpointRefused(codes[0])


class AsyncStep(Attempt):
    """One attempt of a step, for handlers that are coroutines. Being asked to stop cancels the coroutine, as asyncio does."""

    __slots__ = ()

    async def checkpoint(self, cursor: Any, *, wait: bool = True) -> None:
        """As `Step.checkpoint`."""
        text = self._cursor_json(cursor)
        if not wait:
            self.save_json(text, lambda code: None)
            return
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[str | None] = loop.create_future()

        def settle(code: str | None) -> None:
            if not settled.done():
                settled.set_result(code)

        def settle_in_loop(code: str | None) -> None:
            loop.call_soon_threadsafe(settle, code)

        self.save_json(text, settle_in_loop)
        code = await settled
        if code is not None:
            raise CheckpointRefused(code)
