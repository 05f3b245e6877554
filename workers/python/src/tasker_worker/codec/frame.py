"""A frame is `topic SP payload`. Here bytes become a value: size, UTF-8, nesting and syntax are checked once, before all else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import json_text, message_pack
from .fields import describe
from .limits import DEPTH, Limits
from .protocol_error import ProtocolError


@dataclass(slots=True)
class Message:
    value: dict[str, Any]
    is_packed: bool
    """It came as MessagePack, so payloads in it are still JSON text."""


def read_frame(frame: bytes, max_bytes: int = Limits().max_message_bytes) -> Message:
    """Raises ProtocolError: `too_large`, `invalid_frame`, `invalid_utf8`, `too_deep`, `invalid_json`, ... or `wrong_type`."""
    if len(frame) > max_bytes:
        raise ProtocolError("too_large", "", f"at most {max_bytes} bytes", f"{len(frame)} bytes")
    start = frame.find(b" ", 0, 257) + 1
    if start < 2:
        raise ProtocolError("invalid_frame", "", "a topic, a space and a payload", "no topic")
    if message_pack.AVAILABLE and start < len(frame) and message_pack.begins_map(frame[start]):
        return Message(message_pack.unpack(frame[start:]), is_packed=True)
    try:
        text = frame[start:].decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("invalid_utf8", "", "UTF-8", "other bytes") from error
    value = read_json(text, 0)
    if type(value) is not dict:
        raise ProtocolError("wrong_type", "", "an object", describe(value))
    return Message(value, is_packed=False)


def read_json(text: str, levels_around: int) -> Any:
    """The value of a JSON text that stands inside so many objects and arrays."""
    if json_text.exceeds_depth(text, DEPTH - levels_around):
        raise ProtocolError("too_deep", "", f"at most {DEPTH} levels of objects and arrays", "more")
    try:
        return json_text.parse(text)
    except ValueError as error:
        raise ProtocolError("invalid_json", "", "JSON", str(error)) from error
