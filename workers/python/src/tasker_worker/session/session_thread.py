"""The session thread: owns the sockets and a session for each orchestrator, and tells the runner of time, so that heartbeats,
acks, resends and timeouts go on while handlers are busy. Joins sessions, sockets and runner; decides nothing."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any, Protocol

import zmq

from ..codec.batch import BatchStep
from ..codec.control import SettledCheckpoint
from ..codec.limits import Limits
from ..codec.outgoing import Result
from ..handler.registry import HandlerRegistry
from ..handler.runner import Runner
from ..log import Log
from ..settings import Settings
from .ports import SessionPorts, WorkerTerms
from .session import Session
from .sockets import Sockets

# Frames taken from one orchestrator before results, timers and the others get their turn.
_BURST = 64
_LONGEST_SLEEP = 3600.0


class WorkerEvents(Protocol):
    """What the worker wants to know. Called in the session thread."""

    def refused(self, reason: str, detail: str) -> None: ...

    def ended(self, error: BaseException | None) -> None:
        """The thread has ended; with an error if it was not asked to."""


class SessionThread:
    def __init__(
        self, settings: Settings, terms: WorkerTerms, registry: HandlerRegistry, log: Log, events: WorkerEvents
    ) -> None:
        self._settings = settings
        self._terms = terms
        self._log = log
        self._events = events
        self._results: deque[tuple[int, Result]] = deque()
        self._calls: deque[Callable[[], object]] = deque()
        """What other threads want to have done here, in order."""
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._sleeps = False
        self._stopping = False
        self._drain_until = inf
        self._open = 0
        self._sessions: list[Session] = []
        self._runner = Runner(
            registry=registry,
            concurrency=terms.capacity,
            processes=settings.processes,
            log=log,
            deliveries=_Deliveries(self),
        )
        self._thread = threading.Thread(target=self._run, name="tasker-session", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def drain(self, why: str) -> None:
        """Takes no more steps, waits for running handlers and the acks of their results, says bye, and ends. From any thread."""
        self.call(partial(self._begin_drain, why))

    def call(self, function: Callable[[], object]) -> None:
        """Has this done in the session thread. From any thread."""
        self._calls.append(function)
        self.wake()

    def deliver(self, origin: int, result: Result) -> None:
        """From any thread."""
        self._results.append((origin, result))
        if self._sleeps:
            self.wake()

    def wake(self) -> None:
        if self._sleeps:
            self._sleeps = False
            with suppress(BlockingIOError):
                os.write(self._wake_write, b"\0")

    # ---------------------------------------------------------------------------------------------------- the loop

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._serve()
        except BaseException as unforeseen:
            error = unforeseen
        self._runner.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._events.ended(error)

    def _serve(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        poller = zmq.Poller()
        poller.register(self._wake_read, zmq.POLLIN)
        wires = [Sockets(context, endpoints, poller) for endpoints in self._settings.orchestrators]
        self._sessions = [Session(self._terms, self._ports(origin, wire)) for origin, wire in enumerate(wires)]
        self._open = len(self._sessions)
        try:
            for session in self._sessions:
                session.start()
            while self._open > 0:
                self._turn(wires, poller)
        finally:
            for wire in wires:
                wire.close(0)
            # Waits until a last word has left, as long as its socket lingers.
            context.term()

    def _turn(self, wires: Sequence[Sockets], poller: zmq.Poller) -> None:
        heard = 0
        for session, wire in zip(self._sessions, wires, strict=True):
            heard += wire.drain(session.receive, _BURST)
        said = self._take_results()
        now = time.monotonic()
        for session in self._sessions:
            session.tick()
        self._runner.tick(now)
        if self._stopping:
            self._leave_when_idle(now)
        if heard == 0 and said == 0 and self._open > 0:
            self._sleep(poller)

    def _take_results(self) -> int:
        """Results that are there now; what their handlers wanted before they ended comes first."""
        count = len(self._results)
        while self._calls:
            self._calls.popleft()()
        if count == 0:
            return 0
        taken = [self._results.popleft() for _ in range(count)]
        for origin, session in enumerate(self._sessions):
            own = [result for place, result in taken if place == origin]
            if own:
                session.finish(own)
        return count

    def _sleep(self, poller: zmq.Poller) -> None:
        """Until a frame, a result, a call or the next tick. Whoever brings one after `_sleeps` is set wakes the thread."""
        self._sleeps = True
        if not self._results and not self._calls:
            wakes_at = min([self._runner.wakes_at, self._drain_until, *(one.wakes_at for one in self._sessions)])
            seconds = min(max(0.0, wakes_at - time.monotonic()), _LONGEST_SLEEP)
            # Rounded up: a tick that comes too early has nothing to do.
            for readable, _ in poller.poll(int(seconds * 1000) + 1):
                if readable == self._wake_read:
                    os.read(self._wake_read, 4096)
        self._sleeps = False

    # ----------------------------------------------------------------------------------------------------- stopping

    def _begin_drain(self, why: str) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._drain_until = time.monotonic() + self._settings.drain_seconds
        self._log.info("worker.stopping", why=why, running=self._runner.running_count)
        for session in self._sessions:
            session.drain()
        self._give_back()

    def _give_back(self) -> None:
        for origin, lease_id in self._runner.drain():
            self._sessions[origin].give_back([lease_id])

    def _leave_when_idle(self, now: float) -> None:
        if self._drain_until == inf or not (self._runner.is_idle or now >= self._drain_until):
            return
        if not self._runner.is_idle:
            self._log.warn("worker.drain_ended", still_running=self._runner.running_count)
        self._drain_until = inf
        self._runner.abandon("the worker leaves")
        self._take_results()
        for session in self._sessions:
            session.leave(self._settings.flush_seconds)

    # --------------------------------------------------------------------------------------- what sessions want

    def _ports(self, origin: int, wire: Sockets) -> SessionPorts:
        return SessionPorts(
            wire=wire,
            events=_Events(self, origin),
            log=self._log,
            clock=time.monotonic,
            uniform=random.random,
            token=partial(secrets.token_hex, 4),
        )

    def run_steps(self, origin: int, steps: Sequence[BatchStep], limits: Limits) -> None:
        self._runner.accept(origin, steps, limits)
        if self._stopping:
            self._give_back()

    def cancel(self, lease_ids: Sequence[str], reason: str) -> None:
        self._runner.cancel(lease_ids, reason)

    def settle(self, settled: SettledCheckpoint) -> None:
        self._runner.settle(settled)

    def session_refused(self, reason: str, detail: str) -> None:
        """No orchestrator takes this worker as it is: it ends, at once and without a word."""
        self._open = 0
        self._runner.drain()
        self._runner.abandon(f"refused: {reason}")
        self._events.refused(reason, detail)

    def session_closed(self) -> None:
        self._open -= 1

    def for_session(self, origin: int, name: str, *arguments: Any) -> None:
        """Calls a method of a session, from any thread."""
        self.call(lambda: getattr(self._sessions[origin], name)(*arguments))

    def tell_overdue(self, count: int) -> None:
        for origin in range(len(self._sessions)):
            self.for_session(origin, "overdue", count)


class _Events:
    """The `SessionEvents` of one session."""

    def __init__(self, thread: SessionThread, origin: int) -> None:
        self._thread = thread
        self._origin = origin

    def run(self, steps: Sequence[BatchStep], limits: Limits) -> None:
        self._thread.run_steps(self._origin, steps, limits)

    def cancel(self, lease_ids: Sequence[str], reason: str) -> None:
        self._thread.cancel(lease_ids, reason)

    def checkpoint_settled(self, settled: SettledCheckpoint) -> None:
        self._thread.settle(settled)

    def drain_requested(self, reason: str) -> None:
        self._thread.drain(f"the orchestrator asked it to: {reason}")

    def refused(self, reason: str, detail: str) -> None:
        self._thread.session_refused(reason, detail)

    def closed(self) -> None:
        self._thread.session_closed()


class _Deliveries:
    """The runner's `Deliveries`: from whatever thread a handler uses to the session thread."""

    def __init__(self, thread: SessionThread) -> None:
        self._thread = thread

    def result(self, origin: int, result: Result) -> None:
        self._thread.deliver(origin, result)

    def progress(self, origin: int, lease_id: str, progress_json: str) -> None:
        self._thread.for_session(origin, "progress", lease_id, progress_json)

    def checkpoint(self, origin: int, lease_id: str, seq: int, cursor_json: str) -> None:
        self._thread.for_session(origin, "checkpoint", lease_id, seq, cursor_json)

    def lost(self, origin: int, lease_id: str) -> None:
        self._thread.for_session(origin, "forget", lease_id)

    def overdue(self, count: int) -> None:
        self._thread.tell_overdue(count)

    def wake(self) -> None:
        self._thread.wake()
