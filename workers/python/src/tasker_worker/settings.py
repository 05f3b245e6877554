"""A worker's settings: what the program says, else the environment, else the defaults. Alone reads the environment."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .codec import message_pack
from .log import LOG_LEVELS, Log, LogLevel, Sink, json_lines

# So that leases that run and results that wait fit into one heartbeat.
MOST_CONCURRENCY = 5_000
MAX_VERSION_CHARS = 128

_LEGAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_LEGAL_ENDPOINT = re.compile(r"(ipc|tcp|inproc)://\S+")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where one orchestrator publishes steps and takes results."""

    steps: str
    results: str


@dataclass(frozen=True, slots=True)
class Settings:
    orchestrators: tuple[Endpoints, ...]
    worker_id: str
    pool: str
    concurrency: int | None
    """Steps that run at once; None: nobody said."""
    processes: int
    """Processes for handlers that run in processes."""
    version: str
    codecs: tuple[str, ...]
    drain_seconds: float
    flush_seconds: float
    log: Log


def read_settings(
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
    env: Mapping[str, str] = os.environ,
) -> Settings:
    """What `Worker(...)` was given, completed. Empty variables count as absent.

    Raises ValueError that names the setting, what was expected, and what was there.
    """
    steps = _endpoints(steps_endpoint or env.get("TASKER_STEPS_ENDPOINT"), "TASKER_STEPS_ENDPOINT")
    results = _endpoints(results_endpoint or env.get("TASKER_RESULTS_ENDPOINT"), "TASKER_RESULTS_ENDPOINT")
    if len(steps) != len(results):
        raise ValueError(
            f"TASKER_STEPS_ENDPOINT names {len(steps)} orchestrators and TASKER_RESULTS_ENDPOINT {len(results)}; "
            "give one of each for every orchestrator, in the same order"
        )
    worker_id = worker_id or env.get("TASKER_WORKER_ID") or _invent_worker_id()
    if concurrency is None and env.get("TASKER_CONCURRENCY"):
        concurrency = _integer(env["TASKER_CONCURRENCY"], "TASKER_CONCURRENCY")
    level = log_level or env.get("TASKER_LOG_LEVEL") or "info"
    return Settings(
        orchestrators=tuple(Endpoints(*pair) for pair in zip(steps, results, strict=True)),
        worker_id=_name(worker_id, "TASKER_WORKER_ID"),
        pool=_name(pool or env.get("TASKER_POOL") or "default", "TASKER_POOL"),
        concurrency=None if concurrency is None else _in_range(concurrency, 1, MOST_CONCURRENCY, "TASKER_CONCURRENCY"),
        processes=_in_range(os.cpu_count() or 1 if processes is None else processes, 1, MOST_CONCURRENCY, "processes"),
        version=version[:MAX_VERSION_CHARS],
        codecs=_codecs(codec or env.get("TASKER_CODEC") or "json"),
        drain_seconds=_seconds(drain_seconds, "drain_seconds"),
        flush_seconds=_seconds(flush_seconds, "flush_seconds"),
        log=Log(log_sink or json_lines(), _log_level(level)),
    )


def _endpoints(value: str | Sequence[str] | None, name: str) -> list[str]:
    given = value.split(",") if isinstance(value, str) else list(value or [])
    endpoints = [text.strip() for text in given if text.strip()]
    if not endpoints:
        raise ValueError(f"{name} is not set: give the orchestrator's endpoint, as its ready line prints it")
    for endpoint in endpoints:
        if not _LEGAL_ENDPOINT.fullmatch(endpoint):
            raise ValueError(f"{name}: expected ipc://PATH, tcp://HOST:PORT or inproc://NAME, got {endpoint!r}")
    return endpoints


def _name(value: str, name: str) -> str:
    if _LEGAL_NAME.fullmatch(value):
        return value
    raise ValueError(
        f"{name}: expected 1 to 128 letters, digits and ._:- that begin with a letter or digit, got {value!r}"
    )


def _integer(value: str, name: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{name}: expected an integer, got {value!r}") from None


def _in_range(value: int, least: int, most: int, name: str) -> int:
    if least <= value <= most:
        return value
    raise ValueError(f"{name}: expected an integer from {least} to {most}, got {value}")


def _seconds(value: float, name: str) -> float:
    if 0 <= value <= 2**31:
        return float(value)
    raise ValueError(f"{name}: expected seconds from 0 to {2**31}, got {value}")


def _codecs(value: str) -> tuple[str, ...]:
    """In order of preference: JSON is what every orchestrator speaks."""
    if value == "json":
        return ("json",)
    if value != "msgpack":
        raise ValueError(f"TASKER_CODEC: expected json or msgpack, got {value!r}")
    if not message_pack.AVAILABLE:
        raise ValueError("TASKER_CODEC: msgpack needs the package msgpack: pip install 'tasker_worker[msgpack]'")
    return ("msgpack", "json")


def _log_level(value: str) -> LogLevel:
    for level in LOG_LEVELS:
        if level == value:
            return level
    raise ValueError(f"TASKER_LOG_LEVEL: expected one of {', '.join(LOG_LEVELS)}, got {value!r}")


def _invent_worker_id() -> str:
    """A restart is another worker; the leases of the one before are revoked within seconds."""
    host = re.sub(r"[^A-Za-z0-9._:-]", "-", socket.gethostname()).lstrip("._:-")
    return f"{(host or 'worker')[:80]}-{os.getpid()}-{secrets.token_hex(2)}"
