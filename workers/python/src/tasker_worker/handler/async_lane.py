"""Runs coroutine handlers, in an event loop in a thread of its own: at most `limit` at once, in the order in which they came."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from .step import Attempt

# Seconds in which cancelled coroutines may clean up when the worker leaves.
_LAST_WORDS = 1.0


class AsyncLane:
    def __init__(self, limit: int, run: Callable[[Attempt], Awaitable[object]]) -> None:
        """`run` must not raise."""
        self._limit = limit
        self._run = run
        self._waiting: deque[Attempt] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._serve, name="tasker-async", daemon=True).start()

    def put(self, attempts: Sequence[Attempt]) -> None:
        self._loop.call_soon_threadsafe(self._take, attempts)

    def set_limit(self, limit: int) -> None:
        self._loop.call_soon_threadsafe(self._change_limit, limit)

    def close(self) -> None:
        """Cancels what still runs, and ends the loop."""
        asyncio.run_coroutine_threadsafe(self._wind_up(), self._loop)

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _wind_up(self) -> None:
        self._waiting.clear()
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=_LAST_WORDS)
        self._loop.stop()

    def _take(self, attempts: Sequence[Attempt]) -> None:
        self._waiting.extend(attempts)
        self._start()

    def _change_limit(self, limit: int) -> None:
        self._limit = limit
        self._start()

    def _start(self) -> None:
        while self._waiting and len(self._tasks) < self._limit:
            attempt = self._waiting.popleft()
            task = self._loop.create_task(self._follow(attempt))
            self._tasks.add(task)
            attempt.when_stopped(partial(self._cancel, task))

    def _cancel(self, task: asyncio.Task[None], reason: str) -> None:
        # The loop may have ended meanwhile, and the task with it.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(task.cancel, reason)

    async def _follow(self, attempt: Attempt) -> None:
        try:
            await self._run(attempt)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.discard(task)
            self._loop.call_soon(self._start)
