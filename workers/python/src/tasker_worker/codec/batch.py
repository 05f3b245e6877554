"""Batches of steps, as they come from the orchestrator. What is wrong with one step does not spoil the others (R-30)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .fields import (
    is_id,
    read_id,
    read_integer,
    read_list,
    read_name,
    read_object,
    read_one_of,
    read_text,
    read_version,
)
from .frame import Message, read_json
from .limits import STEPS_PER_BATCH
from .protocol_error import Code, ProtocolError

# A payload stands in a step, in the list of steps, in the message.
_LEVELS_AROUND_PAYLOAD = 3


@dataclass(slots=True)
class BatchStep:
    """One step of a batch. Payloads are values; integers are exact."""

    batch_id: str
    step_id: int
    step_name: str
    handler: str
    config: dict[str, Any]
    context: dict[str, Any]
    previous_results: dict[str, Any]
    attempt: int
    """From 1, also in a batch of 1.0, where the wire counts from 0."""
    retry_limit: int
    timeout_ms: int
    lease_id: str
    idempotency_key: str
    task_id: str
    """The task's UUID."""
    cursor: Any
    """The newest checkpoint of an earlier attempt; None when there is none."""


@dataclass(slots=True)
class RefusedStep:
    error: ProtocolError
    lease_id: str | None
    """None when it could not be read."""


@dataclass(slots=True)
class Batch:
    batch_id: str
    protocol_version: str
    seq: int
    """0 in a batch of 1.0."""
    steps: list[BatchStep]
    refused: list[RefusedStep]


def read_batch(message: Message) -> Batch:
    """Raises ProtocolError when the message as a whole cannot be used."""
    value = message.value
    version = read_version(value.get("protocol_version"), ("1.0", "2.0"))
    batch_id = read_id(value.get("batch_id"), "batch_id")
    items = read_list(value.get("steps"), "steps", STEPS_PER_BATCH)
    seq = 0
    if version == "2.0":
        read_one_of(value.get("type"), "type", ("batch",))
        seq = read_integer(value.get("seq"), "seq", 1)
    steps: list[BatchStep] = []
    refused: list[RefusedStep] = []
    read = _read_step if version == "2.0" else _read_plain_step
    for index, item in enumerate(items):
        try:
            steps.append(read(item, message.is_packed, batch_id))
        except ProtocolError as error:
            refused.append(RefusedStep(error.within(f"steps[{index}]"), _readable_lease(item)))
    return Batch(batch_id, version, seq, steps, refused)


def _read_step(item: Any, is_packed: bool, batch_id: str) -> BatchStep:
    step = read_object(item, "")
    metadata = read_object(step.get("metadata"), "metadata")
    cursor = metadata.get("checkpoint")
    read_integer(step.get("task_id"), "task_id", 1)
    return BatchStep(
        batch_id,
        read_integer(step.get("step_id"), "step_id", 1),
        read_name(step.get("step_name"), "step_name"),
        read_name(step.get("handler_class"), "handler_class"),
        _read_payload(step.get("handler_config"), "handler_config", is_packed),
        _read_payload(step.get("task_context"), "task_context", is_packed),
        _read_payload(step.get("previous_results"), "previous_results", is_packed),
        read_integer(metadata.get("attempt"), "metadata.attempt", 1),
        read_integer(metadata.get("retry_limit"), "metadata.retry_limit", 0),
        read_integer(metadata.get("timeout_ms"), "metadata.timeout_ms", 1),
        read_id(metadata.get("lease_id"), "metadata.lease_id"),
        read_text(metadata.get("idempotency_key"), "metadata.idempotency_key"),
        read_id(metadata.get("task_uuid"), "metadata.task_uuid"),
        _parsed(cursor, "metadata.checkpoint", _LEVELS_AROUND_PAYLOAD + 1)
        if is_packed and cursor is not None
        else cursor,
    )


def _read_plain_step(item: Any, is_packed: bool, batch_id: str) -> BatchStep:
    """A step of 1.0, completed with what its lease means there (R-20)."""
    step = read_object(item, "")
    metadata = read_object(step.get("metadata"), "metadata")
    attempt = read_integer(metadata.get("attempt"), "metadata.attempt", 0) + 1
    whole = {
        **metadata,
        "attempt": attempt,
        "lease_id": f"{batch_id}.{read_integer(step.get('step_id'), 'step_id', 1)}",
        "idempotency_key": "",
        "task_uuid": str(read_integer(step.get("task_id"), "task_id", 1)),
        "checkpoint": None,
    }
    return _read_step({**step, "metadata": whole}, is_packed, batch_id)


def _read_payload(value: Any, path: str, is_packed: bool) -> dict[str, Any]:
    return read_object(_parsed(value, path, _LEVELS_AROUND_PAYLOAD) if is_packed else value, path)


def _parsed(text: Any, path: str, levels_around: int) -> Any:
    if type(text) is not str:
        code: Code = "missing" if text is None else "wrong_type"
        raise ProtocolError(code, path, "a string that holds JSON", type(text).__name__)
    try:
        return read_json(text, levels_around)
    except ProtocolError as error:
        raise error.within(path) from error


def _readable_lease(item: Any) -> str | None:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    lease_id = metadata.get("lease_id") if isinstance(metadata, dict) else None
    return lease_id if is_id(lease_id) else None
