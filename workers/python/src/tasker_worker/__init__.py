"""Runs the steps of Tasker's tasks in Python. Handlers are tested with `tasker_worker.testing`."""

from .handler.errors import CheckpointRefused, PermanentError, RetryableError, StepStopped
from .handler.registry import Sequence, Task
from .handler.step import AsyncStep, Step
from .log import Log, LogLevel, Sink
from .worker import Worker, WorkerRefusedError

__all__ = [
    "AsyncStep",
    "CheckpointRefused",
    "Log",
    "LogLevel",
    "PermanentError",
    "RetryableError",
    "Sequence",
    "Sink",
    "Step",
    "StepStopped",
    "Task",
    "Worker",
    "WorkerRefusedError",
]
