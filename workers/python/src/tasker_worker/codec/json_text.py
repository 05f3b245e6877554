"""JSON whose integers are exact, as text and as values. Built on the standard library's, whose scanner and writer are in C."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn


def _no_such_number(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)


def _long_integer(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:
        return Decimal(digits)


_read = json.JSONDecoder(parse_constant=_no_such_number).decode
_read_long_integers = json.JSONDecoder(parse_constant=_no_such_number, parse_int=_long_integer).decode
_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_write_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def parse(text: str) -> Any:
    """The value of a JSON text. Integers longer than Python converts (4,300 digits) are Decimals, which are exact too.

    Raises json.JSONDecodeError, a ValueError, when it is not JSON; NaN and Infinity are not.
    """
    try:
        return _read(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _read_long_integers(text)


def write(value: Any) -> str:
    """The JSON text of a value, which is always valid UTF-8: lone surrogates are written as escapes.

    Raises TypeError, ValueError or RecursionError when it has no JSON form (NaN, a cycle, a set, a datetime, ...).
    """
    text = _write(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _write_ascii(value)
    return text


_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OPENING = frozenset(b"[{")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def exceeds_depth(text: str, limit: int) -> bool:
    """Whether objects and arrays are nested deeper than `limit`. The text need not be JSON."""
    if text.count("{") + text.count("[") <= limit:
        return False
    depth = 0
    for byte in _STRINGS.sub("", text).encode("utf-8", "replace").translate(None, _NOT_BRACKETS):
        if byte not in _OPENING:
            depth -= 1
            continue
        depth += 1
        if depth > limit:
            return True
    return False
