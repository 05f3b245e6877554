"""Which code runs which step: handlers by name, in the plain form (a function) and the seed's (a class with `process`)."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from ..codec.fields import is_name
from .step import AsyncStep, Attempt, Step

Handler = Callable[[Step], Any]
AsyncHandler = Callable[[AsyncStep], Awaitable[Any]]
Lane = Literal["thread", "async", "process"]


@dataclass(frozen=True, slots=True)
class Task:
    """The task, as class handlers see it."""

    task_id: str
    context: Any


class Sequence:
    """What ran before, as class handlers see it."""

    __slots__ = ("previous_results",)

    def __init__(self, previous_results: dict[str, Any]) -> None:
        self.previous_results = previous_results
        """Outputs by step name."""

    def result_of(self, step_name: str) -> Any:
        """The output of one earlier step; None when this step does not depend on it."""
        return self.previous_results.get(step_name)


@runtime_checkable
class StepHandler(Protocol):
    """The seed's form of a handler. A class attribute `VERSION` is reported with every result."""

    def process(self, task: Task, sequence: Sequence, step: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class RegisteredHandler:
    run: Callable[[Any], Any]
    lane: Lane
    version: str | None

    def new_attempt(self, *args: Any) -> Attempt:
        return AsyncStep(*args) if self.lane == "async" else Step(*args)


class HandlerRegistry:
    def __init__(self) -> None:
        self._handlers: dict[str, RegisteredHandler] = {}

    def add(self, name: str, handler: Any, *, process: bool) -> None:
        """Raises TypeError when the name or the handler is of no use, ValueError when the name is taken."""
        if not is_name(name):
            raise TypeError(
                f"handle({name!r}): a handler's name has 1 to 255 characters and no spaces; use the template's \"handler\""
            )
        if name in self._handlers:
            raise ValueError(f"handle({name!r}): there is such a handler already")
        self._handlers[name] = _register(name, handler, process)

    def __getitem__(self, name: str) -> RegisteredHandler:
        return self._handlers[name]

    def names(self) -> tuple[str, ...]:
        return tuple(self._handlers)

    def lanes(self) -> set[Lane]:
        return {handler.lane for handler in self._handlers.values()}


def _register(name: str, handler: Any, process: bool) -> RegisteredHandler:
    instance = handler() if inspect.isclass(handler) else handler
    if isinstance(instance, StepHandler):
        run: Callable[[Any], Any] = ClassHandler(instance)
        is_async = inspect.iscoroutinefunction(instance.process)
    elif callable(instance):
        run = instance
        is_async = inspect.iscoroutinefunction(instance) or inspect.iscoroutinefunction(type(instance).__call__)
    else:
        raise TypeError(
            f"handle({name!r}): expected a function, or a class or object with process(task, sequence, step)"
        )
    if is_async and process:
        raise TypeError(f"handle({name!r}): a coroutine runs in the event loop, not in a process of its own")
    if process:
        _check_travels(name, run)
    declared = getattr(type(instance), "VERSION", None)
    lane: Lane = "process" if process else "async" if is_async else "thread"
    return RegisteredHandler(run, lane, declared if isinstance(declared, str) else None)


def _check_travels(name: str, run: Callable[[Any], Any]) -> None:
    try:
        pickle.dumps(run)
    except Exception as error:
        raise TypeError(
            f"handle({name!r}): a handler for processes must be a function or class at the top of a module: {error}"
        ) from error


class ClassHandler:
    """Calls `process(task, sequence, step)` as the plain form is called."""

    def __init__(self, instance: StepHandler) -> None:
        self._instance = instance

    def __call__(self, attempt: Attempt) -> Any:
        task = Task(attempt.task_id, attempt.context)
        return self._instance.process(task, Sequence(attempt.previous_results), attempt)
