"""What a worker says, as frames. Payloads are JSON text and are joined in as they are (spec sections 5.1 to 5.5, 21)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from . import message_pack


@dataclass(slots=True)
class Result:
    """What became of one attempt, ready to be sent, and sent again the same (R-53)."""

    lease_id: str
    batch_id: str
    step_id: int
    attempt: int
    completed: bool
    output: str
    """JSON text; `null` when failed."""
    error: str
    """JSON text of an object; `null` when completed."""
    error_code: str | None
    retryable: bool | None
    """False: no further attempt. None: the step's policy decides."""
    retry_after_ms: float | None
    execution_time_ms: int
    handler_version: str | None


@dataclass(slots=True)
class Cursor:
    """A checkpoint on its way."""

    lease_id: str
    seq: int
    text: str
    """JSON text."""


@dataclass(slots=True)
class Hello:
    session: str
    worker_id: str
    version: str
    pool: str
    handlers: Sequence[str]
    capacity: int
    leases: Sequence[str]
    outbox: Sequence[str]


@dataclass(slots=True)
class Heartbeat:
    session: str
    epoch: str
    last_seq: int
    leases: Sequence[str]
    capacity: int
    progress: Sequence[tuple[str, str]]
    """Leases with JSON text."""
    cursors: Sequence[Cursor]


def encode_hello(hello: Hello, codecs: Sequence[str]) -> bytes:
    """Always JSON: it is said before both sides have agreed on a codec (R-86)."""
    return b"worker " + _json(
        {
            "type": "hello",
            "protocol_version": "2.0",
            "session": hello.session,
            "worker_id": hello.worker_id,
            "protocols": ["2.0"],
            "codecs": list(codecs),
            "language": "python",
            "sdk": "python/0.1",
            "version": hello.version,
            "pool": hello.pool,
            "handlers": list(hello.handlers),
            "capacity": hello.capacity,
            "leases": list(hello.leases),
            "outbox": list(hello.outbox),
        }
    )


class Encoder(Protocol):
    """The messages whose form depends on the codec that the welcome chose."""

    def heartbeat(self, heartbeat: Heartbeat) -> bytes: ...
    def reject(self, session: str, lease_ids: Sequence[str], reason: str) -> bytes: ...
    def bye(self, session: str, last_seq: int) -> bytes: ...
    def results(self, session: str, batch_id: str, results: Sequence[Result]) -> bytes: ...


class JsonEncoder:
    def heartbeat(self, heartbeat: Heartbeat) -> bytes:
        head = json.dumps(_heartbeat_head(heartbeat), separators=(",", ":"))
        progress = [f'{{"lease_id":{_quoted(lease)},"progress":{text}}}' for lease, text in heartbeat.progress]
        cursors = [
            f'{{"lease_id":{_quoted(one.lease_id)},"seq":{one.seq},"cursor":{one.text}}}' for one in heartbeat.cursors
        ]
        text = f'{head[:-1]},"progress":[{",".join(progress)}],"checkpoints":[{",".join(cursors)}]}}'
        return b"worker " + text.encode()

    def reject(self, session: str, lease_ids: Sequence[str], reason: str) -> bytes:
        return b"worker " + _json(_reject(session, lease_ids, reason))

    def bye(self, session: str, last_seq: int) -> bytes:
        return b"worker " + _json(_bye(session, last_seq))

    def results(self, session: str, batch_id: str, results: Sequence[Result]) -> bytes:
        items = ",".join([_result_json(result) for result in results])
        return (
            f'results {{"batch_id":{_quoted(batch_id)},"protocol_version":"2.0","session":"{session}",'
            f'"results":[{items}]}}'
        ).encode()


class MessagePackEncoder:
    def heartbeat(self, heartbeat: Heartbeat) -> bytes:
        message = _heartbeat_head(heartbeat)
        message["progress"] = [{"lease_id": lease, "progress": text} for lease, text in heartbeat.progress]
        message["checkpoints"] = [
            {"lease_id": one.lease_id, "seq": one.seq, "cursor": one.text} for one in heartbeat.cursors
        ]
        return b"worker " + message_pack.pack(message)

    def reject(self, session: str, lease_ids: Sequence[str], reason: str) -> bytes:
        return b"worker " + message_pack.pack(_reject(session, lease_ids, reason))

    def bye(self, session: str, last_seq: int) -> bytes:
        return b"worker " + message_pack.pack(_bye(session, last_seq))

    def results(self, session: str, batch_id: str, results: Sequence[Result]) -> bytes:
        items = [
            {
                "step_id": result.step_id,
                "status": "completed" if result.completed else "failed",
                "output": result.output,
                "error": result.error,
                "metadata": _metadata(result),
            }
            for result in results
        ]
        message = {"batch_id": batch_id, "protocol_version": "2.0", "session": session, "results": items}
        return b"results " + message_pack.pack(message)


def _heartbeat_head(heartbeat: Heartbeat) -> dict[str, Any]:
    return {
        "type": "heartbeat",
        "protocol_version": "2.0",
        "session": heartbeat.session,
        "epoch": heartbeat.epoch,
        "last_seq": heartbeat.last_seq,
        "leases": list(heartbeat.leases),
        "capacity": heartbeat.capacity,
    }


def _reject(session: str, lease_ids: Sequence[str], reason: str) -> dict[str, Any]:
    return {
        "type": "reject",
        "protocol_version": "2.0",
        "session": session,
        "lease_ids": list(lease_ids),
        "reason": reason,
    }


def _bye(session: str, last_seq: int) -> dict[str, Any]:
    return {"type": "bye", "protocol_version": "2.0", "session": session, "last_seq": last_seq}


def _metadata(result: Result) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "execution_time_ms": result.execution_time_ms,
        "lease_id": result.lease_id,
        "attempt": result.attempt,
    }
    if result.handler_version is not None:
        metadata["handler_version"] = result.handler_version
    if result.retryable is not None:
        metadata["retryable"] = result.retryable
    if result.retry_after_ms is not None:
        metadata["retry_after_ms"] = result.retry_after_ms
    return metadata


def _result_json(result: Result) -> str:
    if result.completed and result.handler_version is None:
        # Nearly every result; the general form takes five times as long.
        return (
            f'{{"step_id":{result.step_id},"status":"completed","output":{result.output},"error":null,"metadata":'
            f'{{"execution_time_ms":{result.execution_time_ms},"lease_id":{_quoted(result.lease_id)},'
            f'"attempt":{result.attempt}}}}}'
        )
    status = "completed" if result.completed else "failed"
    metadata = json.dumps(_metadata(result), separators=(",", ":"))
    return (
        f'{{"step_id":{result.step_id},"status":"{status}","output":{result.output},"error":{result.error},'
        f'"metadata":{metadata}}}'
    )


def _quoted(visible_ascii: str) -> str:
    if '"' in visible_ascii or "\\" in visible_ascii:
        return json.dumps(visible_ascii)
    return f'"{visible_ascii}"'


def _json(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
