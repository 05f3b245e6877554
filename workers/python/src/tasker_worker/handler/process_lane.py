"""Runs handlers in processes of their own, for work that computes: no interpreter lock is shared, and a handler that does not
stop after its time is ended. A thread of the pool follows each attempt, so that progress, checkpoints and cancellation
work as everywhere."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import inf
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from ..codec import json_text
from ..codec.batch import BatchStep
from ..codec.limits import Limits
from ..codec.outgoing import Result
from ..log import Log
from .errors import StepStopped
from .outcome import raised, returned
from .registry import HandlerRegistry
from .step import Attempt, Settle, Step

# Time to stop for a handler that was told that its time is over.
_GRACE = 5.0
"""Seconds."""


class ProcessLost(Exception):
    """The process ended without an answer."""


@dataclass(slots=True)
class Remote:
    """A result that was made in the handler's process."""

    result: Result


@dataclass(slots=True)
class _Run:
    handler: Any
    version: str | None
    request: BatchStep
    limits: Limits


class ProcessLane:
    """One process for each attempt that runs at the same time; they are used again."""

    def __init__(self, registry: HandlerRegistry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._busy: dict[str, _Child] = {}

    def run(self, attempt: Attempt) -> Remote:
        """Blocks until the handler has ended. Raises StepStopped when it stopped because it was asked to, ProcessLost when its
        process is gone."""
        child = self._take(attempt)
        try:
            return child.run(attempt, self._registry)
        except ProcessLost:
            child.kill()
            raise
        finally:
            with self._lock:
                del self._busy[attempt.request.lease_id]
                if child.is_alive:
                    self._idle.append(child)

    def end_stuck(self, overdue: Mapping[str, Attempt], now: float) -> float:
        """Ends the processes of handlers that did not stop in time. Returns when to look again."""
        again = inf
        for attempt in overdue.values():
            child = self._busy.get(attempt.request.lease_id)
            if child is None:
                continue
            ends_at = attempt.started_at + attempt.request.timeout_ms / 1000 + _GRACE
            if ends_at <= now:
                child.kill()
            else:
                again = min(again, ends_at)
        return again

    def close(self) -> None:
        with self._lock:
            children = [*self._idle, *self._busy.values()]
            self._idle = []
        for child in children:
            child.kill()

    def _take(self, attempt: Attempt) -> _Child:
        with self._lock:
            child = self._idle.pop() if self._idle else _Child()
            self._busy[attempt.request.lease_id] = child
        return child


class _Child:
    """One process, and the conversation with it."""

    def __init__(self) -> None:
        # Not forked: sockets, threads and locks of the worker must not be copied into it.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="tasker-handler", daemon=True)
        self._process.start()
        theirs.close()
        self._sending = threading.Lock()

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()

    def run(self, attempt: Attempt, registry: HandlerRegistry) -> Remote:
        handler = registry[attempt.request.handler]
        try:
            self._send(("run", _Run(handler.run, handler.version, attempt.request, attempt.limits)))
            attempt.when_stopped(lambda reason: self._tell("stop", attempt.request.lease_id, reason))
            return self._follow(attempt)
        except (EOFError, OSError) as error:
            self._process.join(1)
            raise ProcessLost(f"the handler's process ended with {self._process.exitcode}") from error

    def _follow(self, attempt: Attempt) -> Remote:
        while True:
            kind, *details = self._pipe.recv()
            match kind:
                case "ended":
                    [result] = details
                    if result is None:
                        raise StepStopped(attempt.stop_reason or "the step was asked to stop")
                    return Remote(result)
                case "progress":
                    attempt.heartbeat(json_text.parse(details[0]))
                case "log":
                    level, event, fields = details
                    getattr(attempt.log, level)(event, **fields)
                case "checkpoint":
                    number, text = details
                    attempt.save_json(text, partial(self._tell, "settled", number))

    def _tell(self, *message: Any) -> None:
        # Gone, or going: whoever follows it finds out.
        with contextlib.suppress(OSError):
            self._send(message)

    def _send(self, message: tuple[Any, ...]) -> None:
        with self._sending:
            self._pipe.send(message)


# ----------------------------------------------------------------------------------------------- inside the process


def _serve(pipe: Connection) -> None:
    """Runs one attempt after the other until the worker is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    host = _PipeHost(pipe)
    threading.Thread(target=host.listen, name="tasker-pipe", daemon=True).start()
    while True:
        run, step = host.next_run()
        host.send("ended", _result(run, step))


def _result(run: _Run, step: Step) -> Result | None:
    """None: it stopped because it was asked to."""
    started = time.monotonic()

    def ms() -> int:
        return round((time.monotonic() - started) * 1000)

    try:
        output = run.handler(step)
    except BaseException as error:
        return None if step.is_echo_of_stop(error) else raised(run.request, error, ms(), run.version)
    return returned(run.request, output, ms(), run.version, run.limits.max_output_bytes)


class _PipeHost:
    """Passes what a handler says on to the worker, and what the worker says on to the handler."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._sending = threading.Lock()
        self._settles: dict[int, Settle] = {}
        self._numbers = count(1)
        self._runs: SimpleQueue[tuple[_Run, Step]] = SimpleQueue()
        self._latest: Step | None = None
        self.log = Log(self._pass_on, "debug")

    def listen(self) -> None:
        """In a thread of its own, which no handler keeps from hearing."""
        while True:
            try:
                kind, *details = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(0)
            match kind:
                case "run":
                    [run] = details
                    self._latest = Step(run.request, 0, run.limits, self, threading.Lock())
                    self._runs.put((run, self._latest))
                case "stop":
                    lease_id, reason = details
                    # It may have ended meanwhile, and another one begun.
                    if self._latest is not None and self._latest.request.lease_id == lease_id:
                        self._latest.stop(reason)
                case "settled":
                    number, code = details
                    self._settles.pop(number)(code)

    def next_run(self) -> tuple[_Run, Step]:
        return self._runs.get()

    def send(self, *message: Any) -> None:
        with self._sending:
            self._pipe.send(message)

    def progressed(self, attempt: Attempt, progress: Any) -> None:
        try:
            self.send("progress", json_text.write(progress))
        except (TypeError, ValueError, RecursionError) as error:
            self.log.warn("step.progress_ignored", why=f"it is not JSON: {error}")

    def save(self, attempt: Attempt, cursor_json: str, settle: Settle) -> None:
        number = next(self._numbers)
        self._settles[number] = settle
        self.send("checkpoint", number, cursor_json)

    def _pass_on(self, level: str, event: str, fields: Mapping[str, Any], /) -> None:
        named_by_the_worker = ("task", "step", "attempt", "lease")
        own = {name: value for name, value in fields.items() if name not in named_by_the_worker}
        self.send("log", level, event, own)
