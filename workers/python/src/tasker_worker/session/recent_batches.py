"""Remembers the `seq` of the last 2,000 to 4,000 batches of a session, so that a doubled one runs nothing twice."""

from __future__ import annotations

_GENERATION = 2_000


class RecentBatches:
    """In two generations: when the younger is full, the older is forgotten."""

    def __init__(self) -> None:
        self._young: set[int] = set()
        self._old: set[int] = set()

    def add(self, seq: int) -> bool:
        """Returns False when it was seen before."""
        if seq in self._young or seq in self._old:
            return False
        if len(self._young) >= _GENERATION:
            self._old, self._young = self._young, set()
        self._young.add(seq)
        return True
