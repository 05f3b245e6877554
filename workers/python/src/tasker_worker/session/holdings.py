"""The leases that a worker holds of one orchestrator: running or queued, or overdue (reported as timed out, and still running)."""

from __future__ import annotations

from collections.abc import Iterable

# Handlers that never end must not fill the memory.
_MOST_OVERDUE = 10_000


class Holdings:
    def __init__(self) -> None:
        self._held: dict[str, None] = {}
        self._overdue: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, lease_id: str) -> bool:
        return lease_id in self._held

    def knows(self, lease_id: str) -> bool:
        """Whether its handler runs, or waits, here: such a lease must not be run again (R-50)."""
        return lease_id in self._held or lease_id in self._overdue

    def lease_ids(self) -> Iterable[str]:
        return self._held

    def add(self, lease_id: str) -> None:
        self._held[lease_id] = None

    def end(self, lease_id: str, timed_out: bool) -> bool:
        """The handler ended, or its time did. Returns whether the lease was held, or is overdue: others are not answered."""
        if lease_id not in self._held:
            return self._overdue.pop(lease_id, _MISSING) is None
        del self._held[lease_id]
        if timed_out:
            self._overdue[lease_id] = None
            if len(self._overdue) > _MOST_OVERDUE:
                del self._overdue[next(iter(self._overdue))]
        return True

    def release(self, lease_id: str) -> bool:
        """It will not be answered: it was never begun, or was lost. Returns whether it was held."""
        return self._held.pop(lease_id, _MISSING) is None


_MISSING = object()
