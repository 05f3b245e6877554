"""Checks of single fields. Each takes a value and its path, returns it typed, and raises a ProtocolError otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .protocol_error import Code, ProtocolError

MAX_SAFE_INTEGER = 2**53 - 1
MAX_TEXT_CHARS = 1024

_ID = re.compile(r"[!-~]{1,255}").fullmatch
_CODE = re.compile(r"[!-~]{1,64}").fullmatch
_WORKER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}").fullmatch
_NAME = re.compile("[^\u0000-\u0020\u007f\ud800-\udfff]{1,255}").fullmatch
_MAX_NAME_UNITS = 255


def read_object(value: Any, path: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise _wrong_type(path, "an object", value)
    return value


def read_list(value: Any, path: str, most: int) -> list[Any]:
    if type(value) is not list:
        raise _wrong_type(path, "an array", value)
    if len(value) > most:
        raise ProtocolError("too_many", path, f"at most {most} elements", str(len(value)))
    return value


def read_integer(value: Any, path: str, least: int, most: int = MAX_SAFE_INTEGER) -> int:
    """An integral number, however it is written: 8127, 8127.0 and 8.127e3 are the same (R-76)."""
    if type(value) is float and value.is_integer():
        value = int(value)
    expected = f"an integer from {least} to {most}"
    if type(value) is not int:
        if type(value) is float:
            raise ProtocolError("invalid_value", path, expected, describe(value))
        raise _wrong_type(path, expected, value)
    if not least <= value <= most:
        raise ProtocolError("invalid_value", path, expected, describe(value))
    return value


def read_id(value: Any, path: str) -> str:
    if type(value) is str and _ID(value):
        return value
    raise _wrong(path, "an id of 1 to 255 visible ASCII characters", value)


def is_id(value: Any) -> bool:
    return type(value) is str and _ID(value) is not None


def read_ids(value: Any, path: str, most: int) -> list[str]:
    return [read_id(item, f"{path}[{index}]") for index, item in enumerate(read_list(value, path, most))]


def read_code(value: Any, path: str) -> str:
    if type(value) is str and _CODE(value):
        return value
    raise _wrong(path, "a name of 1 to 64 visible ASCII characters", value)


def read_worker_id(value: Any, path: str) -> str:
    if type(value) is str and _WORKER_ID(value):
        return value
    raise _wrong(path, "1 to 128 letters, digits and ._:- that begin with a letter or digit", value)


def is_name(value: Any) -> bool:
    """What a step or handler may be called; its length is in UTF-16 units."""
    if type(value) is not str or not _NAME(value):
        return False
    return len(value) * 2 <= _MAX_NAME_UNITS or len(value.encode("utf-16-le")) // 2 <= _MAX_NAME_UNITS


def read_name(value: Any, path: str) -> str:
    if is_name(value):
        return str(value)
    raise _wrong(path, "a name of 1 to 255 characters without spaces, control characters or lone surrogates", value)


def read_text(value: Any, path: str) -> str:
    expected = f"a string of at most {MAX_TEXT_CHARS} characters"
    if type(value) is not str:
        raise _wrong_type(path, expected, value)
    if len(value) > MAX_TEXT_CHARS:
        raise ProtocolError("invalid_value", path, expected, f"{len(value)} characters")
    return value


def read_one_of(value: Any, path: str, names: Sequence[str]) -> str:
    if type(value) is str and value in names:
        return value
    raise _wrong(path, " or ".join(f'"{name}"' for name in names), value)


def read_version(value: Any, known: Sequence[str]) -> str:
    """`protocol_version`: a receiver refuses versions that it does not know, with a code of their own (R-8)."""
    if type(value) is str and value in known:
        return value
    code: Code = "missing" if value is None else "unsupported_version"
    raise ProtocolError(code, "protocol_version", " or ".join(f'"{name}"' for name in known), describe(value))


def _wrong(path: str, expected: str, value: Any) -> ProtocolError:
    if type(value) is not str:
        return _wrong_type(path, expected, value)
    return ProtocolError("invalid_value", path, expected, describe(value))


def _wrong_type(path: str, expected: str, value: Any) -> ProtocolError:
    return ProtocolError("missing" if value is None else "wrong_type", path, expected, describe(value))


def describe(value: Any) -> str:
    """A value in a few words, for error messages."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}... ({len(text)} characters)"
