"""A worker: registers handlers, runs the steps that orchestrators send, and leaves gracefully."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar, overload

from .handler.registry import AsyncHandler, Handler, HandlerRegistry, StepHandler
from .log import LogLevel, Sink
from .session.ports import WorkerTerms
from .session.session_thread import SessionThread
from .settings import read_settings

_DEFAULT_CONCURRENCY = 100

AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])


class WorkerRefusedError(Exception):
    """The orchestrator will not have this worker as it is, e.g. because its id is taken. Trying again is of no use."""

    def __init__(self, reason: str, detail: str) -> None:
        following = "; give every worker its own TASKER_WORKER_ID" if reason == "duplicate_worker_id" else ""
        super().__init__(f"the orchestrator refused this worker: {reason}: {detail}{following}")
        self.reason = reason
        """From the protocol: `duplicate_worker_id`, `protocol_version`, ..."""


class Worker:
    """Runs the steps of one or several orchestrators.

    Every argument wins over its variable: `steps_endpoint` (`TASKER_STEPS_ENDPOINT`), `results_endpoint`
    (`TASKER_RESULTS_ENDPOINT`), `worker_id` (`TASKER_WORKER_ID`), `pool` (`TASKER_POOL`), `concurrency`
    (`TASKER_CONCURRENCY`), `log_level` (`TASKER_LOG_LEVEL`), `codec` (`TASKER_CODEC`). `processes` is the number of processes for handlers that run in
    processes, `drain_seconds` how long running handlers may take after `stop`, `flush_seconds` how long, after that, results
    may wait for their acks; `log_sink` takes the logs instead of stderr.

    Raises ValueError when a setting is missing or wrong.
    """

    def __init__(
        self,
        *,
        steps_endpoint: str | Sequence[str] | None = None,
        results_endpoint: str | Sequence[str] | None = None,
        worker_id: str | None = None,
        pool: str | None = None,
        concurrency: int | None = None,
        processes: int | None = None,
        version: str = "",
        codec: str | None = None,
        drain_seconds: float = 30.0,
        flush_seconds: float = 5.0,
        log_sink: Sink | None = None,
        log_level: LogLevel | None = None,
    ) -> None:
        self._settings = read_settings(
            steps_endpoint=steps_endpoint,
            results_endpoint=results_endpoint,
            worker_id=worker_id,
            pool=pool,
            concurrency=concurrency,
            processes=processes,
            version=version,
            codec=codec,
            drain_seconds=drain_seconds,
            flush_seconds=flush_seconds,
            log_sink=log_sink,
            log_level=log_level,
        )
        self._registry = HandlerRegistry()
        self._thread: SessionThread | None = None
        self._ended = threading.Event()
        self._failure: BaseException | None = None

    @property
    def id(self) -> str:
        return self._settings.worker_id

    @overload
    def handle(self, name: str, handler: Handler, *, process: bool = ...) -> Worker: ...
    @overload
    def handle(self, name: str, handler: AsyncHandler) -> Worker: ...
    @overload
    def handle(self, name: str, handler: StepHandler | type[StepHandler], *, process: bool = ...) -> Worker: ...
    def handle(self, name: str, handler: Any, *, process: bool = False) -> Worker:
        """Registers the code for steps whose template names this `handler`. Call it before the worker starts.

        `handler` is a function of the step, plain or async; or, in the seed's form, a class or object with
        `process(task, sequence, step)`, where a class attribute `VERSION` is reported with every result. With `process` it runs in
        a process of its own, for work that computes; the program's start then stands under `if __name__ == "__main__":`.

        Raises TypeError when it is none of these, ValueError when the name is taken, RuntimeError when the worker runs already.
        """
        if self._thread is not None:
            raise RuntimeError(f"handle({name!r}): the worker runs already")
        self._registry.add(name, handler, process=process)
        return self

    def handler(self, name: str, *, process: bool = False) -> Callable[[AnyHandler], AnyHandler]:
        """`handle` as a decorator."""

        def register(function: AnyHandler) -> AnyHandler:
            self.handle(name, function, process=process)
            return function

        return register

    def run(self) -> None:
        """Starts, and returns once the worker has stopped: after `stop()`, SIGTERM, SIGINT, or when an operator drains it. A second
        signal ends the process at once. Signals are heard in the main thread only.

        Raises WorkerRefusedError when an orchestrator refuses it.
        """
        self.start()
        with self._stopped_by_signals():
            self.wait()

    def start(self) -> None:
        """Starts and returns at once, for programs that do other things too."""
        if self._thread is not None:
            raise RuntimeError("the worker runs already")
        if not self._registry.names():
            raise RuntimeError("the worker has no handlers: call handle() first")
        settings = self._settings
        terms = WorkerTerms(
            worker_id=settings.worker_id,
            pool=settings.pool,
            version=settings.version,
            handlers=self._registry.names(),
            capacity=settings.concurrency or self._default_concurrency(),
            codecs=settings.codecs,
        )
        log = settings.log.with_fields(worker=settings.worker_id)
        log.info(
            "worker.started",
            pool=terms.pool,
            concurrency=terms.capacity,
            handlers=terms.handlers,
            endpoints=[text for one in settings.orchestrators for text in (one.steps, one.results)],
        )
        self._thread = SessionThread(settings, terms, self._registry, log, _Events(self))
        self._thread.start()

    def stop(self) -> None:
        """Takes no more steps, lets running handlers end (`drain_seconds`), waits until their results are acknowledged
        (`flush_seconds`), and leaves. Returns when it has left; does nothing when the worker does not run.

        Raises what `run` raises.
        """
        if self._thread is None:
            return
        self._thread.drain("stop() was called")
        self.wait()

    def wait(self) -> None:
        """Returns when a worker that was started has left, whoever asked it to. Raises what `run` raises."""
        self._ended.wait()
        if self._failure is not None:
            raise self._failure

    def _default_concurrency(self) -> int:
        """Steps that only compute are of no use in a queue here: another worker might run them."""
        return self._settings.processes if self._registry.lanes() == {"process"} else _DEFAULT_CONCURRENCY

    @contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def on_signal(number: int, frame: FrameType | None) -> None:
            for one in (signal.SIGTERM, signal.SIGINT):
                # The exit code of a process that a signal ended is 128 and the signal's number.
                signal.signal(one, lambda number, frame: os._exit(128 + number))
            if self._thread is not None:
                self._thread.drain(signal.Signals(number).name)

        before = {one: signal.signal(one, on_signal) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _has_ended(self, error: BaseException | None) -> None:
        failure = self._failure or error
        self._failure = failure
        log = self._settings.log
        log.info("worker.stopped", worker=self._settings.worker_id, error=None if failure is None else str(failure))
        self._ended.set()


class _Events:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def refused(self, reason: str, detail: str) -> None:
        self._worker._failure = WorkerRefusedError(reason, detail)

    def ended(self, error: BaseException | None) -> None:
        self._worker._has_ended(error)
