"""The runner by itself: what it does with steps that wait, are cancelled or abandoned."""

import queue
import threading
from collections.abc import Callable
from typing import Any

from tasker_worker.codec.batch import BatchStep
from tasker_worker.codec.limits import Limits
from tasker_worker.codec.outgoing import Result
from tasker_worker.handler.registry import HandlerRegistry
from tasker_worker.handler.runner import Runner
from tasker_worker.handler.step import Step
from tasker_worker.log import Log

BOUND = 20


class Recorded:
    def __init__(self) -> None:
        self.results: queue.Queue[Result] = queue.Queue()
        self.overdue_counts: list[int] = []

    def result(self, origin: int, result: Result) -> None:
        self.results.put(result)

    def progress(self, origin: int, lease_id: str, progress_json: str) -> None: ...

    def checkpoint(self, origin: int, lease_id: str, seq: int, cursor_json: str) -> None: ...

    def lost(self, origin: int, lease_id: str) -> None: ...

    def overdue(self, count: int) -> None:
        self.overdue_counts.append(count)

    def wake(self) -> None: ...


def runner_of(handler: Callable[[Step], Any], concurrency: int = 1) -> tuple[Runner, Recorded]:
    registry = HandlerRegistry()
    registry.add("work", handler, process=False)
    recorded = Recorded()
    log = Log(lambda level, event, fields: None, "silent")
    return Runner(registry=registry, concurrency=concurrency, processes=1, log=log, deliveries=recorded), recorded


def step(number: int, timeout_ms: int = 60_000) -> BatchStep:
    lease = f"b1.{number}"
    return BatchStep("b1", number, "a_step", "work", {}, {}, {}, 1, 2, timeout_ms, lease, "key", "task", None)


def test_a_handler_that_stops_because_the_worker_leaves_has_given_no_answer() -> None:
    begun, ended = threading.Event(), threading.Event()

    def waits(step: Step) -> None:
        begun.set()
        step.wait(BOUND)
        ended.set()
        step.raise_if_cancelled()

    runner, recorded = runner_of(waits)
    runner.accept(0, [step(1)], Limits())
    assert begun.wait(BOUND)
    runner.abandon("the worker leaves")
    assert ended.wait(BOUND)
    while not runner.is_idle:
        threading.Event().wait(0.001)
    assert recorded.results.empty()
    runner.close()


def test_what_waits_is_given_back_once_and_never_run() -> None:
    begun, release = threading.Event(), threading.Event()
    ran: list[int] = []

    def waits(step: Step) -> None:
        ran.append(step.request.step_id)
        begun.set()
        release.wait(BOUND)

    runner, recorded = runner_of(waits)
    runner.accept(3, [step(1), step(2), step(3)], Limits())
    assert begun.wait(BOUND)
    assert runner.drain() == [(3, "b1.2"), (3, "b1.3")]
    assert runner.drain() == []
    release.set()
    assert recorded.results.get(timeout=BOUND).lease_id == "b1.1"
    assert ran == [1]
    runner.close()


def test_a_cancelled_step_that_waits_is_answered_at_once_and_never_run() -> None:
    begun, release = threading.Event(), threading.Event()

    def waits(step: Step) -> int:
        begun.set()
        release.wait(BOUND)
        return step.request.step_id

    runner, recorded = runner_of(waits)
    runner.accept(0, [step(1), step(2), step(3)], Limits())
    assert begun.wait(BOUND)
    runner.cancel(["b1.2", "b9.9"], "task cancelled")
    assert recorded.results.get(timeout=BOUND).error_code == "cancelled"
    release.set()
    assert [recorded.results.get(timeout=BOUND).output for _ in range(2)] == ["1", "3"]
    runner.close()


def test_attempts_that_run_past_their_time_are_counted_until_they_end() -> None:
    begun, release = threading.Event(), threading.Event()

    def stubborn(step: Step) -> None:
        begun.set()
        release.wait(BOUND)

    runner, recorded = runner_of(stubborn)
    runner.accept(0, [step(1, timeout_ms=1_000)], Limits())
    assert begun.wait(BOUND)
    runner.tick(runner.wakes_at)
    assert recorded.results.get(timeout=BOUND).error_code == "timeout"
    assert (runner.is_idle, recorded.overdue_counts) == (True, [1])
    release.set()
    assert recorded.results.get(timeout=BOUND).completed
    assert recorded.overdue_counts == [1, 0]
    runner.close()
