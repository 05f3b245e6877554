"""The test kit: runs one attempt of a handler exactly as a worker does, without sockets or an orchestrator."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from .codec import json_text
from .codec.batch import BatchStep
from .codec.control import SettledCheckpoint
from .codec.limits import Limits
from .codec.outgoing import Result
from .handler.registry import HandlerRegistry
from .handler.runner import Runner
from .log import Log, LogLevel, Sink, json_lines

_NAME = "handler_under_test"
# How often time and the wish to cancel are looked at.
_LOOK_EVERY = 0.005


@dataclass(slots=True)
class HandlerOutcome:
    """How the attempt ended, as the orchestrator would hear it."""

    status: Literal["completed", "failed"]
    output: Any
    """As the next step gets it: after JSON. None when failed."""
    error: dict[str, Any] | None
    """`message`, `code`, perhaps `type` and `backtrace`; None when completed."""
    retryable: bool | None
    """False: no further attempt. None: the step's policy decides."""
    retry_after: float | None
    """Seconds."""
    heartbeats: list[Any] = field(default_factory=list)
    """What the handler said by `heartbeat(progress)`, in order."""
    checkpoints: list[Any] = field(default_factory=list)
    """What it saved by `checkpoint(cursor)`, in order."""


def run_handler(
    handler: Any,
    *,
    context: Any = None,
    config: Any = None,
    previous_results: dict[str, Any] | None = None,
    attempt: int = 1,
    max_attempts: int = 3,
    cursor: Any = None,
    idempotency_key: str = "task-under-test:step_under_test",
    task_id: str = "0190a000-0000-7000-8000-000000000000",
    step_name: str = "step_under_test",
    timeout_ms: int = 30_000,
    limits: Limits | None = None,
    cancel: threading.Event | None = None,
    log_sink: Sink | None = None,
) -> HandlerOutcome:
    """Runs `handler` once and returns how it ended; every checkpoint is kept.

    Payloads go through JSON as they do on the wire, so a handler that relies on a datetime or a set fails here too. `cancel`
    cancels the step once it is set; `log_sink` takes what the handler logs, else nothing is written.

    Raises TypeError or ValueError when a payload is not JSON, and what `Worker.handle` raises.
    """
    registry = HandlerRegistry()
    registry.add(_NAME, handler, process=False)
    level: LogLevel = "silent" if log_sink is None else "debug"
    deliveries = _Recorder()
    runner = Runner(
        registry=registry,
        concurrency=1,
        processes=1,
        log=Log(log_sink or json_lines(), level),
        deliveries=deliveries,
    )
    deliveries.runner = runner
    step = BatchStep(
        batch_id="batch_test",
        step_id=1,
        step_name=step_name,
        handler=_NAME,
        config=_through_json({} if config is None else config),
        context=_through_json({} if context is None else context),
        previous_results=_through_json(previous_results or {}),
        attempt=attempt,
        retry_limit=max(attempt, max_attempts) - 1,
        timeout_ms=timeout_ms,
        lease_id="batch_test.1",
        idempotency_key=idempotency_key,
        task_id=task_id,
        cursor=_through_json(cursor),
    )
    runner.accept(0, [step], limits or Limits())
    while not deliveries.ended.wait(_LOOK_EVERY):
        runner.tick(time.monotonic())
        if cancel is not None and cancel.is_set():
            runner.cancel([step.lease_id], "cancelled by the test")
    runner.abandon("the test is over")
    runner.close()
    return deliveries.outcome()


def _through_json(value: Any) -> Any:
    return json_text.parse(json_text.write(value))


class _Recorder:
    """Takes what the runner would send, and keeps every checkpoint at once."""

    runner: Runner

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._result: Result | None = None
        self._heartbeats: list[Any] = []
        self._checkpoints: list[Any] = []

    def outcome(self) -> HandlerOutcome:
        result = self._result
        assert result is not None
        return HandlerOutcome(
            status="completed" if result.completed else "failed",
            output=json_text.parse(result.output),
            error=json_text.parse(result.error),
            retryable=result.retryable,
            retry_after=None if result.retry_after_ms is None else result.retry_after_ms / 1000,
            heartbeats=self._heartbeats,
            checkpoints=self._checkpoints,
        )

    def result(self, origin: int, result: Result) -> None:
        if self._result is None:
            self._result = result
            self.ended.set()

    def progress(self, origin: int, lease_id: str, progress_json: str) -> None:
        self._heartbeats.append(json_text.parse(progress_json))

    def checkpoint(self, origin: int, lease_id: str, seq: int, cursor_json: str) -> None:
        self._checkpoints.append(json_text.parse(cursor_json))
        self.runner.settle(SettledCheckpoint(lease_id, seq, None))

    def lost(self, origin: int, lease_id: str) -> None:
        raise AssertionError("a handler of the test kit has no process to lose")

    def overdue(self, count: int) -> None:
        pass

    def wake(self) -> None:
        pass
