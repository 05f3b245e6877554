"""Checkpoints that the orchestrator has not settled (R-77, R-78): of each lease at most one is on its way, and the newest waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..codec.control import SettledCheckpoint
from ..codec.outgoing import Cursor


@dataclass(slots=True)
class _Pair:
    sent: Cursor | None
    waiting: Cursor | None


class Cursors:
    def __init__(self) -> None:
        self._pairs: dict[str, _Pair] = {}

    def put(self, cursor: Cursor) -> bool:
        """Returns whether it is to be sent now; otherwise it waits for the ack of the one before, or the next heartbeat."""
        pair = self._pairs.setdefault(cursor.lease_id, _Pair(None, None))
        pair.waiting = cursor
        return pair.sent is None

    def __len__(self) -> int:
        return len(self._pairs)

    def take(self, most_bytes: int) -> list[list[Cursor]]:
        """The newest one of every lease, for one heartbeat or more of at most so many bytes: they are on their way now."""
        parts: list[list[Cursor]] = [[]]
        room = most_bytes
        for pair in self._pairs.values():
            pair.sent, pair.waiting = pair.waiting or pair.sent, None
            if pair.sent is None:
                continue
            size = len(pair.sent.text.encode())
            if parts[-1] and size > room:
                parts.append([])
                room = most_bytes
            parts[-1].append(pair.sent)
            room -= size
        return parts

    def settle(self, settled: SettledCheckpoint) -> bool:
        """Forgets what is settled. Returns whether a newer one waited, which is to be sent now."""
        pair = self._pairs.get(settled.lease_id)
        if pair is None:
            return False
        if pair.sent is not None and pair.sent.seq <= settled.seq:
            pair.sent = None
        if pair.waiting is not None and pair.waiting.seq <= settled.seq:
            pair.waiting = None
        if pair.sent is None and pair.waiting is None:
            del self._pairs[settled.lease_id]
        return pair.sent is None and pair.waiting is not None

    def waits(self, lease_ids: Iterable[str]) -> bool:
        """Whether one of these leases has a cursor that was never sent."""
        if not self._pairs:
            return False
        return any((pair := self._pairs.get(lease)) is not None and pair.waiting is not None for lease in lease_ids)

    def forget(self, lease_id: str) -> None:
        self._pairs.pop(lease_id, None)
