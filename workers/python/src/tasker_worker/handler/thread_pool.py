"""Threads that take what is queued, in order. A burst costs one wake-up, not one for each item: an awake thread goes on as
long as there is something, and wakes one more at a time, which helps as soon as the first one waits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ThreadPool(Generic[Item]):
    def __init__(self, limit: int, run: Callable[[Item], object], name: str) -> None:
        """`run` must not raise. Threads are started when they are needed, and never more than `limit`."""
        self._limit = limit
        self._run = run
        self._name = name
        self._queue: deque[Item] = deque()
        self._lock = threading.Lock()
        self._idle: list[threading.Lock] = []
        """One lock for each thread that waits: it is released to wake the thread."""
        self._threads = 0
        self._waking = False
        """A thread was woken, or started, and has not looked at the queue yet."""

    def put(self, items: Iterable[Item]) -> None:
        self._queue.extend(items)
        self._wake()

    def set_limit(self, limit: int) -> None:
        """Threads beyond a lowered limit end when they have nothing to do."""
        with self._lock:
            self._limit = limit
        self._wake()

    def close(self) -> None:
        """What is queued is dropped; threads end once they have nothing to do."""
        self._queue.clear()
        with self._lock:
            self._limit = 0
            idle, self._idle = self._idle, []
        for parked in idle:
            parked.release()

    def _wake(self) -> None:
        with self._lock:
            if self._waking or not self._queue:
                return
            if self._idle:
                self._waking = True
                self._idle.pop().release()
            elif self._threads < self._limit:
                self._waking = True
                self._threads += 1
                threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        queue, run = self._queue, self._run
        parked = threading.Lock()
        parked.acquire()
        self._waking = False
        while True:
            try:
                item = queue.popleft()
            except IndexError:
                if self._park(parked):
                    continue
                return
            if queue and not self._waking:
                self._wake()
            run(item)

    def _park(self, parked: threading.Lock) -> bool:
        """Waits until there may be something to do. Returns False when the thread is one too many."""
        with self._lock:
            if self._queue:
                return True
            if self._threads > self._limit:
                self._threads -= 1
                return False
            self._idle.append(parked)
        parked.acquire()
        self._waking = False
        return True
