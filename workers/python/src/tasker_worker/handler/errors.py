"""How a handler says what should follow its failure, and what it is told when it should stop."""

from __future__ import annotations

from datetime import timedelta


class RetryableError(Exception):
    """Try again, at the earliest after `retry_after` (which wins over the step's backoff), as long as there are retries.

    `code` is a stable name for programs, in the step's error. `timeout` is the protocol's word for "nobody knows whether
    it ran", so a handler's own `timeout` is reported as `handler_timeout`.
    """

    def __init__(self, message: str, *, retry_after: float | timedelta | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after.total_seconds() if isinstance(retry_after, timedelta) else retry_after
        """Seconds; None leaves it to the step's backoff."""
        self.code = code


class PermanentError(Exception):
    """Trying again is of no use: the step fails now. `code` as in RetryableError."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class StepStopped(Exception):
    """The step was asked to stop, and this says why. A handler that lets it pass has given no answer."""


class CheckpointRefused(Exception):
    """The cursor is not kept. `code` is `stale_lease` (the step is no longer this attempt's: stop), `too_large` or `malformed`."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the checkpoint was refused: {code}")
        self.code = code
