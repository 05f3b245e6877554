"""Results that the orchestrator has not acknowledged. Each is kept until its ack, across sessions, and is due again after
1 s, doubling to 10 s, +-20 % (R-51, R-52). Holds and answers; the session sends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

from ..codec.outgoing import Result

_FIRST_RESEND = 1.0
_LONGEST_RESEND = 10.0
_JITTER = 0.2


@dataclass(slots=True)
class _Entry:
    result: Result
    delay: float
    due_at: float
    following: Result | None = None
    """Told under the same lease once the first is acknowledged: the answer of a handler that had timed out."""


class Outbox:
    def __init__(self, uniform: Callable[[], float]) -> None:
        """`uniform` gives random numbers, 0 <= x < 1."""
        self._entries: dict[str, _Entry] = {}
        self._uniform = uniform
        self._earliest = inf

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, lease_id: str) -> bool:
        return lease_id in self._entries

    @property
    def earliest(self) -> float:
        """No result is due before this; infinity when there is none."""
        return self._earliest if self._entries else inf

    def lease_ids(self) -> Iterable[str]:
        return self._entries

    def put(self, result: Result, now: float) -> bool:
        """Keeps a result. Returns whether it is to be sent now: a second one under the same lease (the answer after the
        news of its timeout) waits until the first one's ack."""
        entry = self._entries.get(result.lease_id)
        if entry is not None:
            entry.following = result
            return False
        due_at = self._due(now, _FIRST_RESEND)
        self._entries[result.lease_id] = _Entry(result, _FIRST_RESEND, due_at)
        if due_at < self._earliest:
            self._earliest = due_at
        return True

    def acknowledge(self, lease_id: str, now: float) -> Result | None:
        """Returns a result that waited behind the acknowledged one and is to be sent now."""
        entry = self._entries.pop(lease_id, None)
        if entry is None or entry.following is None:
            return None
        self.put(entry.following, now)
        return entry.following

    def acknowledge_timeout(self, lease_id: str, now: float) -> Result | None:
        """The orchestrator knows of the timeout. Such an ack may come again when the answer has taken the timeout's place."""
        entry = self._entries.get(lease_id)
        if entry is None or entry.result.error_code != "timeout":
            return None
        return self.acknowledge(lease_id, now)

    def take_due(self, now: float) -> list[Result]:
        """What has to be sent (again) now; it is due next after a longer time."""
        if now < self._earliest:
            return []
        due = []
        self._earliest = inf
        for entry in self._entries.values():
            if entry.due_at <= now:
                due.append(entry.result)
                entry.delay = min(entry.delay * 2, _LONGEST_RESEND)
                entry.due_at = self._due(now, entry.delay)
            self._earliest = min(self._earliest, entry.due_at)
        return due

    def restart(self) -> None:
        """Everything is due, as if for the first time: after a welcome."""
        for entry in self._entries.values():
            entry.delay = _FIRST_RESEND / 2
            entry.due_at = 0.0
        self._earliest = 0.0

    def _due(self, now: float, delay: float) -> float:
        return now + delay * (1 + _JITTER * (2 * self._uniform() - 1))
