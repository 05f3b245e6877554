"""What the orchestrator tells a session, apart from batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .batch import Batch, read_batch
from .fields import (
    describe,
    read_code,
    read_id,
    read_ids,
    read_integer,
    read_list,
    read_object,
    read_one_of,
    read_text,
    read_version,
    read_worker_id,
)
from .frame import read_frame
from .limits import IDS_PER_LIST, Limits
from .protocol_error import ProtocolError

CODECS = ("json", "msgpack")
MAX_HEARTBEAT_MS = 60_000
# They are said before both sides have agreed on a codec.
_ALWAYS_JSON = ("welcome", "rehello", "refuse")


@dataclass(slots=True)
class Control:
    orchestrator_id: str
    epoch: str


@dataclass(slots=True)
class Welcome(Control):
    version: str
    codec: str
    heartbeat_ms: int
    limits: Limits


@dataclass(slots=True)
class ResultAck(Control):
    lease_ids: list[str]
    timeout_ids: list[str]


@dataclass(slots=True)
class SettledCheckpoint:
    """Every cursor of the lease up to `seq` is kept, or refused with a code."""

    lease_id: str
    seq: int
    refused: str | None


@dataclass(slots=True)
class CheckpointAck(Control):
    checkpoints: list[SettledCheckpoint]


@dataclass(slots=True)
class Ping(Control):
    pass


@dataclass(slots=True)
class Rehello(Control):
    reason: str


@dataclass(slots=True)
class Cancel(Control):
    lease_ids: list[str]
    reason: str


@dataclass(slots=True)
class Drain(Control):
    reason: str


@dataclass(slots=True)
class Refuse(Control):
    reason: str
    detail: str


def decode(frame: bytes, max_bytes: int = Limits().max_message_bytes) -> Batch | Control:
    """Reads any frame for a worker. Raises ProtocolError; `unknown_type` is to be ignored, the others to be logged (R-5)."""
    message = read_frame(frame, max_bytes)
    kind = message.value.get("type")
    # A batch of 1.0 has no type.
    if kind is None or kind == "batch":
        return read_batch(message)
    if message.is_packed and kind in _ALWAYS_JSON:
        raise ProtocolError("invalid_value", "type", "a message that may be MessagePack", describe(kind))
    return _read_control(message.value)


def _read_control(value: dict[str, Any]) -> Control:
    kind = read_text(value.get("type"), "type")
    read_version(value.get("protocol_version"), ("2.0",))
    orchestrator_id = read_worker_id(value.get("orchestrator_id"), "orchestrator_id")
    epoch = read_id(value.get("epoch"), "epoch")
    match kind:
        case "result_ack":
            timeouts = value.get("timeout_ids")
            timeout_ids = [] if timeouts is None else read_ids(timeouts, "timeout_ids", IDS_PER_LIST)
            return ResultAck(orchestrator_id, epoch, _read_leases(value), timeout_ids)
        case "ping":
            return Ping(orchestrator_id, epoch)
        case "checkpoint_ack":
            return CheckpointAck(orchestrator_id, epoch, _read_settled(value.get("checkpoints")))
        case "welcome":
            return _read_welcome(value, orchestrator_id, epoch)
        case "rehello":
            return Rehello(orchestrator_id, epoch, read_text(value.get("reason"), "reason"))
        case "cancel":
            return Cancel(orchestrator_id, epoch, _read_leases(value), read_text(value.get("reason"), "reason"))
        case "drain":
            return Drain(orchestrator_id, epoch, read_text(value.get("reason"), "reason"))
        case "refuse":
            detail = value.get("detail")
            detail = "" if detail is None else read_text(detail, "detail")
            return Refuse(orchestrator_id, epoch, read_code(value.get("reason"), "reason"), detail)
    raise ProtocolError("unknown_type", "type", "a message of this version", describe(kind))


def _read_leases(value: dict[str, Any]) -> list[str]:
    return read_ids(value.get("lease_ids"), "lease_ids", IDS_PER_LIST)


def _read_settled(value: Any) -> list[SettledCheckpoint]:
    settled = []
    for index, item in enumerate(read_list(value, "checkpoints", IDS_PER_LIST)):
        path = f"checkpoints[{index}]"
        checkpoint = read_object(item, path)
        refused = checkpoint.get("refused")
        settled.append(
            SettledCheckpoint(
                read_id(checkpoint.get("lease_id"), f"{path}.lease_id"),
                read_integer(checkpoint.get("seq"), f"{path}.seq", 1),
                None if refused is None else read_code(refused, f"{path}.refused"),
            )
        )
    return settled


def _read_welcome(value: dict[str, Any], orchestrator_id: str, epoch: str) -> Welcome:
    limits = read_object(value.get("limits"), "limits")

    def limit(name: str) -> int:
        return read_integer(limits.get(name), f"limits.{name}", 1)

    return Welcome(
        orchestrator_id,
        epoch,
        read_one_of(value.get("version"), "version", ("1.0", "2.0")),
        read_one_of(value.get("codec"), "codec", CODECS),
        read_integer(value.get("heartbeat_ms"), "heartbeat_ms", 1, MAX_HEARTBEAT_MS),
        Limits(
            limit("max_message_bytes"),
            limit("max_output_bytes"),
            limit("max_steps_per_batch"),
            Limits().max_checkpoint_bytes
            if limits.get("max_checkpoint_bytes") is None
            else limit("max_checkpoint_bytes"),
        ),
    )
