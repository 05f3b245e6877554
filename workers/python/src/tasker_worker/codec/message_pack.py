"""MessagePack around the payloads (spec section 21): one map, with payloads as JSON text in it. Needs the package `msgpack`."""

from __future__ import annotations

from typing import Any, NoReturn

from .fields import describe
from .limits import DEPTH
from .protocol_error import ProtocolError

try:
    import msgpack
except ImportError:
    msgpack = None

AVAILABLE = msgpack is not None
MAX_VALUES = 1_000_000


def begins_map(byte: int) -> bool:
    """Whether a payload that begins so is MessagePack: no JSON text begins with such a byte (R-87)."""
    return 0x80 <= byte <= 0x8F or byte in (0xDE, 0xDF)


def pack(message: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(message)
    return packed


def unpack(data: bytes) -> dict[str, Any]:
    """Raises ProtocolError: `invalid_msgpack`, `invalid_utf8`, `too_deep`, `too_many` or `wrong_type`."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True, max_bin_len=0, ext_hook=_refuse_ext)
    except UnicodeDecodeError as error:
        raise ProtocolError("invalid_utf8", "", "UTF-8", "other bytes") from error
    except msgpack.StackError as error:
        raise _too_deep() from error
    except Exception as error:
        raise _invalid(str(error) or type(error).__name__) from error
    if type(value) is not dict:
        raise ProtocolError("wrong_type", "", "an object", describe(value))
    _check(value, 1, 0)
    return value


def _check(value: dict[Any, Any] | list[Any], depth: int, count: int) -> int:
    """What the reader lets pass: empty bin, keys that are bin, depth, and the number of values. Returns their number."""
    if depth > DEPTH:
        raise _too_deep()
    count += len(value)
    if count > MAX_VALUES:
        raise ProtocolError("too_many", "", f"at most {MAX_VALUES} values", "more")
    if type(value) is dict:
        if bytes in map(type, value):
            raise _invalid("a key that is not str")
        items: Any = value.values()
    else:
        items = value
    for item in items:
        kind = type(item)
        if kind is dict or kind is list:
            count = _check(item, depth + 1, count)
        elif kind is bytes or kind is msgpack.Timestamp:
            raise _invalid("bin or ext")
    return count


def _refuse_ext(code: int, data: bytes) -> NoReturn:
    raise ValueError(f"ext {code}")


def _invalid(got: str) -> ProtocolError:
    return ProtocolError("invalid_msgpack", "", "one MessagePack map without bin and ext", got)


def _too_deep() -> ProtocolError:
    return ProtocolError("too_deep", "", f"at most {DEPTH} levels of maps and arrays", "more")
