"""Structured logs: JSON lines on stderr unless the program brings a logger of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

LogLevel = Literal["debug", "info", "warn", "error", "silent"]

LOG_LEVELS: tuple[LogLevel, ...] = ("debug", "info", "warn", "error", "silent")


class Sink(Protocol):
    """Takes what is logged. `event` is a stable name such as `step.failed`; what varies is in `fields`."""

    def __call__(self, level: LogLevel, event: str, fields: Mapping[str, Any], /) -> None: ...


def json_lines(write: Callable[[str], object] | None = None) -> Sink:
    """One JSON line for each event, `{"at", "level", "event", ...fields}`; to stderr if nothing else is given."""

    def sink(level: LogLevel, event: str, fields: Mapping[str, Any], /) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"at": at, "level": level, "event": event, **fields}, default=repr)
        (write or sys.stderr.write)(line + "\n")

    return sink


class Log:
    """Passes on what is at least as grave as its level, with its own fields added."""

    __slots__ = ("_fields", "_from", "_sink")

    def __init__(self, sink: Sink, level: LogLevel, fields: Mapping[str, Any] | None = None) -> None:
        self._sink = sink
        self._from = LOG_LEVELS.index(level)
        self._fields: Mapping[str, Any] = fields or {}

    def with_fields(self, **fields: Any) -> Log:
        """The same log, which adds `fields` to every event."""
        return Log(self._sink, LOG_LEVELS[self._from], {**self._fields, **fields})

    @property
    def writes_debug(self) -> bool:
        return self._from == 0

    def debug(self, event: str, **fields: Any) -> None:
        self._write(0, "debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._write(1, "info", event, fields)

    def warn(self, event: str, **fields: Any) -> None:
        self._write(2, "warn", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write(3, "error", event, fields)

    def _write(self, rank: int, level: LogLevel, event: str, fields: dict[str, Any]) -> None:
        if rank < self._from:
            return
        # A log that cannot be written must not cost a step, let alone the session.
        with suppress(Exception):
            self._sink(level, event, {**self._fields, **fields})
