"""The test kit, and with it how handlers are run: their forms, their errors, timeouts, cancellation, checkpoints."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasker_worker import AsyncStep, PermanentError, RetryableError, Sequence, Step, Task
from tasker_worker.codec.limits import Limits
from tasker_worker.testing import run_handler


def test_a_handler_sees_its_step_and_returns_its_output() -> None:
    def handler(step: Step) -> Any:
        return {
            "context": step.context,
            "config": step.config,
            "previous": step.previous_results,
            "attempts": [step.attempt, step.max_attempts, step.is_last_attempt],
            "ids": [step.task_id, step.step_name, step.idempotency_key, step.timeout_ms],
            "cursor": step.cursor,
        }

    outcome = run_handler(
        handler,
        context={"order_id": 2**63 + 1},
        config={"fast": True},
        previous_results={"before": [1]},
        attempt=3,
        max_attempts=3,
        task_id="t1",
        step_name="ship",
        idempotency_key="k",
        timeout_ms=9_000,
        cursor={"row": 7},
    )
    assert outcome.status == "completed"
    assert outcome.error is None
    assert outcome.output == {
        "context": {"order_id": 2**63 + 1},
        "config": {"fast": True},
        "previous": {"before": [1]},
        "attempts": [3, 3, True],
        "ids": ["t1", "ship", "k", 9_000],
        "cursor": {"row": 7},
    }


def test_a_handler_that_returns_nothing_has_the_output_null() -> None:
    assert run_handler(lambda step: None).output is None


def test_coroutines_are_handlers_too() -> None:
    async def handler(step: AsyncStep) -> Any:
        await asyncio.sleep(0)
        return step.context["n"] + 1

    assert run_handler(handler, context={"n": 1}).output == 2


class Reserve:
    VERSION = "1.1.0"

    def process(self, task: Task, sequence: Sequence, step: Step) -> Any:
        return [task.task_id, task.context, sequence.result_of("a"), sequence.result_of("none"), step.config]


class AsyncReserve:
    async def process(self, task: Task, sequence: Sequence, step: AsyncStep) -> Any:
        await asyncio.sleep(0)
        return sequence.previous_results


def test_classes_and_objects_with_process_are_handlers_too() -> None:
    given: dict[str, Any] = {"task_id": "t", "context": {"c": 1}, "config": {"d": 2}, "previous_results": {"a": "out"}}
    for handler in (Reserve, Reserve()):
        assert run_handler(handler, **given).output == ["t", {"c": 1}, "out", None, {"d": 2}]
    assert run_handler(AsyncReserve, **given).output == {"a": "out"}


def test_what_is_no_handler_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="expected a function, or a class"):
        run_handler(42)


@pytest.mark.parametrize("retry_after", [1.5, timedelta(seconds=1.5)])
def test_a_retryable_error_says_when_and_why(retry_after: float | timedelta) -> None:
    def handler(step: Step) -> None:
        raise RetryableError("no answer", retry_after=retry_after, code="gateway_down")

    outcome = run_handler(handler)
    assert (outcome.status, outcome.retryable, outcome.retry_after) == ("failed", True, 1.5)
    assert outcome.error is not None
    assert (outcome.error["message"], outcome.error["code"]) == ("no answer", "gateway_down")


def test_a_permanent_error_allows_no_further_attempt() -> None:
    def handler(step: Step) -> None:
        raise PermanentError("declined", code="card_declined")

    outcome = run_handler(handler)
    assert (outcome.retryable, outcome.error and outcome.error["code"]) == (False, "card_declined")


def test_any_other_error_is_shown_with_its_type_and_place() -> None:
    def handler(step: Step) -> Any:
        return step.config["missing"]

    outcome = run_handler(handler)
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.error["type"], outcome.retryable) == ("handler_error", "KeyError", True)
    assert "testing_test.py" in outcome.error["backtrace"][0]


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Unprintable(), "the handler raised a Unprintable that cannot be shown"),
        (ValueError(), "ValueError"),
        (SystemExit(3), "3"),
        (Exception("x" * 5_000), "x" * 4_096 + "..."),
        (Exception("a\ud800b"), "a?b"),
    ],
)
def test_an_error_of_any_kind_becomes_a_message(error: BaseException, message: str) -> None:
    def handler(step: Step) -> None:
        raise error

    outcome = run_handler(handler)
    assert outcome.error is not None
    assert outcome.error["message"] == message


@pytest.mark.parametrize(("code", "reported"), [("timeout", "handler_timeout"), ("two words", "handler_error")])
def test_codes_that_are_the_protocols_or_illegal_are_not_a_handlers(code: str, reported: str) -> None:
    def handler(step: Step) -> None:
        raise PermanentError("no", code=code)

    outcome = run_handler(handler)
    assert outcome.error is not None
    assert outcome.error["code"] == reported


def cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def nest(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("output", [{1, 2}, datetime.now(UTC), float("nan"), cycle(), object(), nest(5_000)])
def test_an_output_that_is_not_json_fails_the_step(output: Any) -> None:
    outcome = run_handler(lambda step: output)
    assert outcome.error is not None
    assert outcome.error["code"] == "not_json"


def test_an_output_that_is_too_large_or_too_deep_fails_the_step_and_not_the_session() -> None:
    limits = Limits(max_output_bytes=1_000)
    assert run_handler(lambda step: "x" * 998, limits=limits).status == "completed"
    large = run_handler(lambda step: "x" * 999, limits=limits)
    wide = run_handler(lambda step: "漢" * 333, limits=limits)
    deep = run_handler(lambda step: nest(510))
    assert [outcome.error and outcome.error["code"] for outcome in (large, wide, deep)] == [
        "output_too_large",
        "output_too_large",
        "not_json",
    ]
    assert run_handler(lambda step: nest(509)).status == "completed"


def test_a_step_that_runs_too_long_is_reported_and_asked_to_stop() -> None:
    stopped = threading.Event()

    def handler(step: Step) -> None:
        if step.wait(60):
            stopped.set()

    outcome = run_handler(handler, timeout_ms=20)
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.retryable) == ("timeout", None)
    assert stopped.wait(10)


def test_a_coroutine_that_runs_too_long_is_cancelled() -> None:
    stopped = threading.Event()

    async def handler(step: AsyncStep) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    outcome = run_handler(handler, timeout_ms=20)
    assert outcome.error is not None
    assert outcome.error["code"] == "timeout"
    assert stopped.wait(10)


def test_a_cancelled_step_that_stops_says_so() -> None:
    cancel = threading.Event()

    def handler(step: Step) -> None:
        cancel.set()
        step.wait(60)
        step.raise_if_cancelled()

    outcome = run_handler(handler, cancel=cancel)
    assert outcome.error == {"message": "cancelled by the test", "code": "cancelled"}
    assert outcome.retryable is False


def test_a_cancelled_coroutine_that_stops_says_so() -> None:
    cancel = threading.Event()

    async def handler(step: AsyncStep) -> None:
        cancel.set()
        await asyncio.sleep(60)

    outcome = run_handler(handler, cancel=cancel)
    assert outcome.error is not None
    assert outcome.error["code"] == "cancelled"


def test_a_cancelled_step_that_answers_all_the_same_is_believed() -> None:
    cancel = threading.Event()

    def handler(step: Step) -> str:
        cancel.set()
        assert step.wait(60)
        return "charged before I heard it"

    assert run_handler(handler, cancel=cancel).output == "charged before I heard it"


def test_heartbeats_are_any_json_and_what_is_none_does_not_fail_the_step() -> None:
    events: list[str] = []

    def handler(step: Step) -> None:
        step.heartbeat({"percent": 10})
        step.heartbeat(object())
        step.heartbeat("x" * 70_000)
        step.heartbeat(nest(510))
        step.heartbeat()

    outcome = run_handler(handler, log_sink=lambda level, event, fields: events.append(event))
    assert (outcome.status, outcome.heartbeats) == ("completed", [{"percent": 10}, None])
    assert events.count("step.progress_ignored") == 3


def test_checkpoints_are_kept_in_order() -> None:
    def handler(step: Step) -> Any:
        for row in range(step.cursor["row"], 3):
            step.checkpoint({"row": row + 1})
        step.checkpoint("without waiting", wait=False)
        return "done"

    outcome = run_handler(handler, cursor={"row": 1})
    assert outcome.checkpoints == [{"row": 2}, {"row": 3}, "without waiting"]


def test_coroutines_await_their_checkpoints() -> None:
    async def handler(step: AsyncStep) -> None:
        await step.checkpoint(1)
        await step.checkpoint(2, wait=False)

    assert run_handler(handler).checkpoints == [1, 2]


def test_a_cursor_that_is_too_large_is_refused_to_the_handler() -> None:
    def handler(step: Step) -> None:
        step.checkpoint("x" * 70_000)

    outcome = run_handler(handler)
    assert outcome.error is not None
    assert (outcome.error["type"], outcome.error["message"]) == (
        "CheckpointRefused",
        "the checkpoint was refused: too_large",
    )


def test_a_cursor_that_is_nested_too_deep_for_a_message_is_the_handlers_mistake() -> None:
    outcome = run_handler(lambda step: step.checkpoint(nest(510)))
    assert outcome.error is not None
    assert outcome.error["message"] == "the cursor is nested deeper than 509 levels"


def test_what_a_handler_logs_names_its_step() -> None:
    lines: list[dict[str, Any]] = []

    def handler(step: Step) -> None:
        step.log.info("parcel.booked", carrier="UPS")

    run_handler(handler, step_name="ship", attempt=2, log_sink=lambda level, event, fields: lines.append(dict(fields)))
    [booked] = [line for line in lines if "carrier" in line]
    assert (booked["step"], booked["attempt"], booked["carrier"]) == ("ship", 2, "UPS")


def test_a_payload_that_is_not_json_is_the_tests_own_mistake() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        run_handler(lambda step: None, context={"at": datetime.now(UTC)})
