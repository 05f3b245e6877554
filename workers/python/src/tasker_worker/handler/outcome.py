"""How one attempt ended, as a result on the wire. Whatever a handler returns or raises becomes one here."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from ..codec import json_text
from ..codec.batch import BatchStep
from ..codec.limits import DEEPEST_PAYLOAD
from ..codec.outgoing import Result
from .errors import PermanentError, RetryableError

_MAX_MESSAGE_CHARS = 4_096
# As many frames as the seed's handlers report.
_BACKTRACE_FRAMES = 5
_MAX_FRAME_CHARS = 512
_LEGAL_CODE = re.compile(r"[!-~]{1,64}").fullmatch


def returned(step: BatchStep, output: Any, ms: int, version: str | None, max_bytes: int) -> Result:
    """The result of a handler that returned `output`: completed, or failed when that has no JSON form or is too large."""
    try:
        text = json_text.write(output)
    except Exception as error:
        return _failed(step, "not_json", f"the handler returned something that is not JSON: {error}", ms, version)
    # A character becomes at most four bytes, so short text need not be measured.
    if len(text) * 4 > max_bytes and (size := len(text.encode())) > max_bytes:
        why = f"the output has {size} bytes; the orchestrator takes {max_bytes}. Store it elsewhere and return a reference"
        return _failed(step, "output_too_large", why, ms, version)
    if json_text.exceeds_depth(text, DEEPEST_PAYLOAD):
        why = f"objects and arrays of the output are nested deeper than {DEEPEST_PAYLOAD} levels"
        return _failed(step, "not_json", why, ms, version)
    return Result(
        step.lease_id, step.batch_id, step.step_id, step.attempt, True, text, "null", None, None, None, ms, version
    )


def raised(step: BatchStep, error: BaseException, ms: int, version: str | None) -> Result:
    """The result of a handler that raised."""
    details = {"type": type(error).__name__, "backtrace": _backtrace(error)}
    match error:
        case RetryableError():
            code, retryable = _own_code(error.code), True
        case PermanentError():
            code, retryable = _own_code(error.code), False
        case _:
            code, retryable = "handler_error", True
    result = _failed(step, code, _message(error), ms, version, details)
    result.retryable = retryable
    if isinstance(error, RetryableError) and error.retry_after is not None and error.retry_after >= 0:
        result.retry_after_ms = round(error.retry_after * 1000)
    return result


def timed_out(step: BatchStep, ms: int, version: str | None) -> Result:
    """Nobody knows whether the work was done: `on_lost` of the step decides."""
    return _failed(step, "timeout", f"the handler did not end within {step.timeout_ms} ms", ms, version)


def cancelled(step: BatchStep, reason: str, ms: int, version: str | None) -> Result:
    """It was asked to stop, and did, or had not begun."""
    result = _failed(step, "cancelled", reason, ms, version)
    result.retryable = False
    return result


def _failed(
    step: BatchStep, code: str, message: str, ms: int, version: str | None, details: dict[str, Any] | None = None
) -> Result:
    error = {"message": _shortened(message, _MAX_MESSAGE_CHARS), "code": code, **(details or {})}
    return Result(
        lease_id=step.lease_id,
        batch_id=step.batch_id,
        step_id=step.step_id,
        attempt=step.attempt,
        completed=False,
        output="null",
        error=json_text.write(error),
        error_code=code,
        retryable=None,
        retry_after_ms=None,
        execution_time_ms=ms,
        handler_version=version,
    )


def _own_code(code: Any) -> str:
    if not isinstance(code, str) or not _LEGAL_CODE(code):
        return "handler_error"
    return "handler_timeout" if code == "timeout" else code


def _message(error: BaseException) -> str:
    """Handlers may raise anything, also what cannot be turned into text."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        return f"the handler raised a {type(error).__name__} that cannot be shown"


def _backtrace(error: BaseException) -> list[str]:
    """Where it was raised comes first; the worker's own frame, which called the handler, is left out."""
    lines: deque[str] = deque(maxlen=_BACKTRACE_FRAMES)
    place = error.__traceback__ and error.__traceback__.tb_next
    while place is not None:
        code = place.tb_frame.f_code
        lines.appendleft(_shortened(f"{code.co_filename}:{place.tb_lineno} in {code.co_name}", _MAX_FRAME_CHARS))
        place = place.tb_next
    return list(lines)


def _shortened(text: str, most: int) -> str:
    whole = text.encode("utf-8", "replace").decode()
    return whole if len(whole) <= most else whole[:most] + "..."
