"""What a message may be at most (spec section 14)."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PROGRESS_BYTES = 64 * 1024
RESULTS_PER_MESSAGE = 1_000
IDS_PER_LIST = 10_000
STEPS_PER_BATCH = 1_000
DEPTH = 512
"""Objects and arrays inside each other, the message itself included."""
DEEPEST_PAYLOAD = DEPTH - 3
"""An output, a cursor or progress stands in an item, in a list, in the message."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the orchestrator takes, as its welcome says; before it, the defaults of the specification."""

    max_message_bytes: int = 16 * 1024 * 1024
    max_output_bytes: int = 4 * 1024 * 1024
    max_steps_per_batch: int = STEPS_PER_BATCH
    max_checkpoint_bytes: int = 64 * 1024
