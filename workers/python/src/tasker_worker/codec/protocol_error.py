"""What is wrong with a message from the wire: a stable code, the place, what was expected there, and what was found."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "too_large",
    "invalid_frame",
    "invalid_utf8",
    "invalid_json",
    "invalid_msgpack",
    "too_deep",
    "unsupported_version",
    "unknown_type",
    "missing",
    "wrong_type",
    "invalid_value",
    "too_many",
]


class ProtocolError(Exception):
    """A message, or one step in it, that cannot be used (spec section 15)."""

    def __init__(self, code: Code, path: str, expected: str, got: str) -> None:
        super().__init__(f"{path or 'message'}: expected {expected}, got {got}")
        self.code: Code = code
        self.path = path
        """JSON path in the payload, e.g. `steps[3].task_context`; empty for the message itself."""
        self.expected = expected
        self.got = got

    def within(self, path: str) -> ProtocolError:
        """The same error, seen from the value that contains this one at `path`."""
        return ProtocolError(self.code, f"{path}.{self.path}" if self.path else path, self.expected, self.got)
