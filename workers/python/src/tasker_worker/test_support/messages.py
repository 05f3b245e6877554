"""What an orchestrator says and hears, for tests: frames for workers, and those of workers as plain values."""

from __future__ import annotations

import json
from typing import Any

from tasker_worker.codec.frame import read_frame

WELCOME_LIMITS = {
    "max_message_bytes": 16 * 1024 * 1024,
    "max_output_bytes": 4 * 1024 * 1024,
    "max_steps_per_batch": 10,
    "max_checkpoint_bytes": 64 * 1024,
}


def control(session: str, kind: str, epoch: str = "e1", **members: Any) -> bytes:
    message = {"type": kind, "protocol_version": "2.0", "orchestrator_id": "o1", "epoch": epoch, **members}
    return f"@{session} {json.dumps(message)}".encode()


def welcome(session: str, epoch: str = "e1", **members: Any) -> bytes:
    rest = {"version": "2.0", "codec": "json", "heartbeat_ms": 1000, "limits": WELCOME_LIMITS, **members}
    return control(session, "welcome", epoch, **rest)


def step(
    batch_id: str,
    step_id: int,
    handler: str = "work",
    *,
    context: Any = None,
    config: Any = None,
    attempt: int = 1,
    timeout_ms: int = 30_000,
    **metadata: Any,
) -> dict[str, Any]:
    return {
        "step_id": step_id,
        "task_id": 1,
        "step_name": "a_step",
        "handler_class": handler,
        "handler_config": config or {},
        "task_context": context or {},
        "previous_results": {},
        "metadata": {
            "attempt": attempt,
            "retry_limit": 2,
            "timeout_ms": timeout_ms,
            "lease_id": f"{batch_id}.{step_id}",
            "idempotency_key": f"task:{step_id}",
            "task_uuid": "0190a000-0000-7000-8000-000000000000",
            **metadata,
        },
    }


def batch(session: str, batch_id: str, seq: int, steps: list[dict[str, Any]]) -> bytes:
    message = {"batch_id": batch_id, "protocol_version": "2.0", "type": "batch", "seq": seq, "steps": steps}
    return f"@{session} {json.dumps(message)}".encode()


def heard(frame: bytes) -> dict[str, Any]:
    """A message of a worker; results, which have no type on the wire, get one."""
    return {"type": "results", **read_frame(frame).value}
