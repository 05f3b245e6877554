"""What a session needs from outside, and nothing else: sockets, time, randomness, somebody who runs steps, a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..codec.batch import BatchStep
from ..codec.control import SettledCheckpoint
from ..codec.limits import Limits
from ..log import Log


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """What a worker says about itself in its hello."""

    worker_id: str
    pool: str
    version: str
    """Of the handlers, for people."""
    handlers: tuple[str, ...]
    capacity: int
    """Steps that it runs at once."""
    codecs: tuple[str, ...] = ("json",)
    """In order of preference."""


class SessionWire(Protocol):
    """One pair of sockets. Never raises, never waits; what cannot be sent is lost, and the protocol makes up for it."""

    def open(self, session: str) -> None:
        """Opens new sockets, subscribed to this session's topic; the ones before are closed at once."""

    def send(self, frame: bytes) -> None: ...

    def close(self, linger_seconds: float) -> None:
        """What was sent may still take so long to leave this process."""


class SessionEvents(Protocol):
    """What a session asks of the worker, or tells it."""

    def run(self, steps: Sequence[BatchStep], limits: Limits) -> None:
        """Every one of them is answered with a result, given back, or forgotten."""

    def cancel(self, lease_ids: Sequence[str], reason: str) -> None: ...

    def checkpoint_settled(self, settled: SettledCheckpoint) -> None: ...

    def drain_requested(self, reason: str) -> None:
        """The orchestrator wants the worker to end what it has, and leave."""

    def refused(self, reason: str, detail: str) -> None:
        """Final: this worker must not come again as it is."""

    def closed(self) -> None:
        """After `leave`: the sockets are closed."""


@dataclass(frozen=True, slots=True)
class SessionPorts:
    wire: SessionWire
    events: SessionEvents
    log: Log
    clock: Callable[[], float]
    """Seconds that never jump."""
    uniform: Callable[[], float]
    """0 <= x < 1."""
    token: Callable[[], str]
    """8 hexadecimal digits, lower case."""
