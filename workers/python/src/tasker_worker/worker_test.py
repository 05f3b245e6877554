"""A whole worker with its real sockets and threads, against an orchestrator that does what the test says."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasker_worker import AsyncStep, CheckpointRefused, RetryableError, Step, Worker, WorkerRefusedError
from tasker_worker.test_support.scripted_orchestrator import ScriptedOrchestrator

BOUND = 20


@pytest.fixture
def orchestrator() -> Iterator[ScriptedOrchestrator]:
    scripted = ScriptedOrchestrator()
    yield scripted
    scripted.close()


Start = Callable[..., Worker]


@pytest.fixture
def start(orchestrator: ScriptedOrchestrator) -> Iterator[Start]:
    workers: list[Worker] = []

    def start(handlers: dict[str, Any], *, process: bool = False, **settings: Any) -> Worker:
        options: dict[str, Any] = {"worker_id": "w1", "log_level": "silent", "flush_seconds": 0.2, **settings}
        worker = Worker(**{**orchestrator.endpoints, **options})
        for name, handler in handlers.items():
            worker.handle(name, handler, process=process)
        worker.start()
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        try:
            worker.stop()
        except WorkerRefusedError:
            continue


def echo(step: Step) -> Any:
    return step.context


class TestSteps:
    def test_are_run_and_answered(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        def fails(step: Step) -> None:
            raise RetryableError("later", retry_after=2)

        async def async_echo(step: AsyncStep) -> Any:
            await asyncio.sleep(0)
            return step.context

        start({"echo": echo, "async": async_echo, "fails": fails})
        context = {"id": 2**63 + 1, "name": "漢\ud800", "__proto__": {"a": 1}}
        leases = orchestrator.send_batch(
            orchestrator.session(),
            {"handler": "echo", "context": context},
            {"handler": "async", "context": context},
            {"handler": "fails"},
        )
        plain, coroutine, failed = orchestrator.results(leases)
        assert plain["output"] == coroutine["output"] == context
        assert (failed["status"], failed["error"]["message"]) == ("failed", "later")
        assert failed["metadata"]["retry_after_ms"] == 2_000

    def test_as_many_run_at_once_as_it_has_slots_and_each_is_answered_when_it_ends(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        together = threading.Barrier(3)
        release = threading.Event()

        def meets(step: Step) -> None:
            together.wait(BOUND)

        start({"meets": meets, "waits": lambda step: release.wait(BOUND)}, concurrency=4)
        steps = [{"handler": "waits"}, *[{"handler": "meets"}] * 3]
        waits, *meet = orchestrator.send_batch(orchestrator.session(), *steps)
        orchestrator.results(meet)
        assert all(item["metadata"]["lease_id"] != waits for m in orchestrator.all("results") for item in m["results"])
        release.set()
        [last] = orchestrator.results([waits])
        assert last["output"] is True

    def test_no_more_run_at_once_than_it_has_slots(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        lock = threading.Lock()
        counts = {"now": 0, "most": 0}

        def counted(step: Step) -> None:
            with lock:
                counts["now"] += 1
                counts["most"] = max(counts["most"], counts["now"])
            step.wait(0.005)
            with lock:
                counts["now"] -= 1

        start({"counted": counted}, concurrency=2)
        orchestrator.results(orchestrator.send_batch(orchestrator.session(), *[{"handler": "counted"}] * 10))
        assert counts["most"] == 2

    def test_of_message_pack_come_and_go_like_those_of_json(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        orchestrator.codec = "msgpack"
        start({"echo": echo}, codec="msgpack")
        leases = orchestrator.send_batch(orchestrator.session(), {"handler": "echo", "context": {"n": 2**64}})
        [result] = orchestrator.results(leases)
        assert result["output"] == '{"n":18446744073709551616}'


class TestTime:
    def test_a_handler_that_does_not_end_is_reported_and_its_late_answer_too(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        release = threading.Event()

        def stubborn(step: Step) -> str:
            release.wait(BOUND)
            return "after all"

        start({"stubborn": stubborn, "echo": echo}, concurrency=1)
        session = orchestrator.session()
        [lease] = orchestrator.send_batch(session, {"handler": "stubborn", "timeout_ms": 30})
        [timeout] = orchestrator.results([lease])
        assert timeout["error"]["code"] == "timeout"
        # It still fills its only slot, and leaves one all the same.
        [other] = orchestrator.send_batch(session, {"handler": "echo"})
        orchestrator.results([other])
        since = len(orchestrator.heard)
        release.set()
        [late] = orchestrator.results([lease], since)
        assert (late["status"], late["output"]) == ("completed", "after all")

    def test_a_handler_that_computes_delays_no_heartbeat(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        done = threading.Event()

        def computes(step: Step) -> None:
            while not done.is_set():
                pass

        start({"computes": computes})
        [lease] = orchestrator.send_batch(orchestrator.session(), {"handler": "computes"})

        def three_heartbeats() -> bool:
            return len([one for one in orchestrator.all("heartbeat") if lease in one["leases"]]) >= 3

        orchestrator.until(three_heartbeats, "heartbeats while the handler computes")
        done.set()

    def test_a_cancelled_step_stops(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        begun = threading.Event()

        def waits(step: Step) -> None:
            begun.set()
            step.wait(BOUND)
            step.raise_if_cancelled()

        start({"waits": waits}, concurrency=1)
        session = orchestrator.session()
        leases = orchestrator.send_batch(session, {"handler": "waits"}, {"handler": "waits"})
        assert begun.wait(BOUND)
        orchestrator.say(session, "cancel", lease_ids=leases, reason="task cancelled")
        for result in orchestrator.results(leases):
            assert (result["error"]["code"], result["error"]["message"]) == ("cancelled", "task cancelled")


class TestCheckpoints:
    def test_the_handler_goes_on_once_they_are_kept(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        saved: list[Any] = []

        def saves(step: Step) -> Any:
            step.checkpoint({"row": 1})
            saved.extend(cursor for one in orchestrator.all("heartbeat") for cursor in one["checkpoints"])
            return step.cursor

        start({"saves": saves})
        steps = {"handler": "saves", "attempt": 2, "checkpoint": {"row": 0}}
        [result] = orchestrator.results(orchestrator.send_batch(orchestrator.session(), steps))
        assert result["output"] == {"row": 0}
        assert saved[0]["cursor"] == {"row": 1}

    def test_a_handler_whose_lease_is_stale_is_told(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        orchestrator.acknowledges = False

        async def saves(step: AsyncStep) -> str:
            try:
                await step.checkpoint(1)
            except CheckpointRefused as refused:
                return refused.code
            return "kept"

        start({"saves": saves})
        session = orchestrator.session()
        [lease] = orchestrator.send_batch(session, {"handler": "saves"})
        orchestrator.until(lambda: [one for one in orchestrator.all("heartbeat") if one["checkpoints"]], "a checkpoint")
        settled = [{"lease_id": lease, "seq": 1, "refused": "stale_lease"}]
        orchestrator.say(session, "checkpoint_ack", checkpoints=settled)
        [result] = orchestrator.results([lease])
        assert result["output"] == "stale_lease"

    def test_a_call_that_waits_does_not_outlive_its_attempt(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        orchestrator.acknowledges = False
        told: list[str] = []

        def saves(step: Step) -> None:
            try:
                step.checkpoint(1)
            except CheckpointRefused as refused:
                told.append(refused.code)

        start({"saves": saves})
        [lease] = orchestrator.send_batch(orchestrator.session(), {"handler": "saves", "timeout_ms": 50})
        [timeout] = orchestrator.results([lease])
        assert timeout["error"]["code"] == "timeout"
        orchestrator.until(lambda: [one for one in orchestrator.all("heartbeat") if told], "the handler's end")
        assert told == ["stale_lease"]


class TestTheConnection:
    def test_of_an_orchestrator_that_was_killed_is_made_again_and_nothing_is_lost(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        release = threading.Event()
        runs: list[str] = []

        def waits(step: Step) -> str:
            runs.append(step.idempotency_key)
            release.wait(BOUND)
            return "done"

        start({"waits": waits})
        [lease] = orchestrator.send_batch(orchestrator.session(), {"handler": "waits"})
        orchestrator.until(lambda: [one for one in orchestrator.all("heartbeat") if lease in one["leases"]], "a lease")
        orchestrator.unbind()
        release.set()
        orchestrator.epoch = "e2"
        since = len(orchestrator.heard)
        orchestrator.bind()
        [result] = orchestrator.results([lease], since)
        assert (result["output"], len(runs)) == ("done", 1)

    def test_results_are_sent_until_they_are_acknowledged(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        orchestrator.acknowledges = False
        start({"echo": echo})
        session = orchestrator.session()
        [lease] = orchestrator.send_batch(session, {"handler": "echo"})

        def twice() -> bool:
            return len(orchestrator.all("results")) >= 2

        orchestrator.until(twice, "a result that is sent again")
        orchestrator.say(session, "result_ack", lease_ids=[lease])

    def test_there_is_one_with_each_of_several_orchestrators(self, start: Start) -> None:
        others = [ScriptedOrchestrator(), ScriptedOrchestrator()]
        try:
            endpoints = {name: ",".join(other.endpoints[name] for other in others) for name in others[0].endpoints}
            start({"echo": echo}, **endpoints)
            for number, other in enumerate(others):
                leases = other.send_batch(other.session(), {"handler": "echo", "context": {"number": number}})
                [result] = other.results(leases)
                assert result["output"] == {"number": number}
                assert len(other.all("results")) == 1
        finally:
            for other in others:
                other.close()

    def test_a_refusal_ends_the_worker(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        orchestrator.welcomes = False
        worker = start({"echo": echo})
        orchestrator.say(orchestrator.session(), "refuse", reason="duplicate_worker_id", detail="w1 is connected")
        with pytest.raises(WorkerRefusedError, match="duplicate_worker_id: w1 is connected; give every worker its own"):
            worker.wait()


class TestStopping:
    def test_gives_back_what_has_not_begun_ends_what_runs_and_says_bye(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        begun, release = threading.Event(), threading.Event()

        def waits(step: Step) -> str:
            begun.set()
            release.wait(BOUND)
            return "done"

        worker = start({"waits": waits}, concurrency=1, flush_seconds=BOUND)
        running, queued = orchestrator.send_batch(orchestrator.session(), {"handler": "waits"}, {"handler": "waits"})
        assert begun.wait(BOUND)
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        orchestrator.until(
            lambda: [one for one in orchestrator.all("reject") if one["lease_ids"] == [queued]], "a reject"
        )
        release.set()
        [result] = orchestrator.results([running])
        assert result["output"] == "done"
        orchestrator.until(lambda: orchestrator.all("bye"), "a bye")
        stopping.join(BOUND)
        assert not stopping.is_alive()

    def test_does_not_wait_for_ever(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        begun = threading.Event()

        def waits(step: Step) -> None:
            begun.set()
            step.wait(BOUND)
            step.raise_if_cancelled()

        worker = start({"waits": waits}, drain_seconds=0.05)
        orchestrator.send_batch(orchestrator.session(), {"handler": "waits"})
        assert begun.wait(BOUND)
        worker.stop()
        orchestrator.until(lambda: orchestrator.all("bye"), "a bye")
        assert orchestrator.all("results") == []

    def test_an_operator_can_drain_it(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        worker = start({"echo": echo})
        orchestrator.say(orchestrator.session(), "drain", reason="rolling out")
        worker.wait()
        orchestrator.until(lambda: orchestrator.all("bye"), "a bye")


class TestRegistration:
    def test_of_a_name_twice_or_of_none_or_too_late_is_refused(self, start: Start) -> None:
        worker = Worker(steps_endpoint="ipc:///tmp/s", results_endpoint="ipc:///tmp/r")
        worker.handle("a", echo)
        with pytest.raises(ValueError, match="there is such a handler already"):
            worker.handle("a", echo)
        with pytest.raises(TypeError, match="no spaces"):
            worker.handle("two words", echo)
        with pytest.raises(RuntimeError, match="the worker runs already"):
            start({"echo": echo}).handle("b", echo)

    def test_a_worker_without_handlers_does_not_start(self) -> None:
        with pytest.raises(RuntimeError, match="no handlers"):
            Worker(steps_endpoint="ipc:///tmp/s", results_endpoint="ipc:///tmp/r").start()

    def test_the_decorator_gives_the_function_back(self) -> None:
        worker = Worker(steps_endpoint="ipc:///tmp/s", results_endpoint="ipc:///tmp/r")
        assert worker.handler("a")(echo) is echo


# ------------------------------------------------------------------------------------ handlers in processes of their own


def in_a_process(step: Step) -> Any:
    step.heartbeat({"percent": 50})
    step.checkpoint({"row": 1})
    return {"process": os.getpid(), "context": step.context}


def computes(step: Step) -> Any:
    ends_at = time.monotonic() + BOUND
    while time.monotonic() < ends_at and not step.cancelled:
        pass
    step.raise_if_cancelled()
    return "not stopped"


def dies(step: Step) -> None:
    os._exit(3)


class TestProcesses:
    def test_run_handlers_with_progress_and_checkpoints(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        start({"work": in_a_process}, process=True, processes=1)
        session = orchestrator.session()
        leases = orchestrator.send_batch(session, *[{"context": {"n": 2**63 + 1}}] * 2)
        first, second = (result["output"] for result in orchestrator.results(leases))
        assert first["context"] == {"n": 2**63 + 1}
        assert first["process"] == second["process"] != os.getpid()
        assert orchestrator.all("hello")[-1]["capacity"] == 1
        cursors = [cursor["cursor"] for one in orchestrator.all("heartbeat") for cursor in one["checkpoints"]]
        assert {"row": 1} in cursors

    def test_hear_that_their_step_is_cancelled(self, orchestrator: ScriptedOrchestrator, start: Start) -> None:
        start({"work": computes}, process=True, processes=1)
        session = orchestrator.session()
        [lease] = orchestrator.send_batch(session, {})
        orchestrator.until(lambda: [one for one in orchestrator.all("heartbeat") if lease in one["leases"]], "a lease")
        orchestrator.say(session, "cancel", lease_ids=[lease], reason="task cancelled")
        [result] = orchestrator.results([lease])
        assert result["error"]["code"] == "cancelled"

    def test_that_die_leave_the_outcome_open_and_the_next_step_gets_another_one(
        self, orchestrator: ScriptedOrchestrator, start: Start
    ) -> None:
        start({"dies": dies, "work": in_a_process}, process=True, processes=1)
        session = orchestrator.session()
        [lost] = orchestrator.send_batch(session, {"handler": "dies"})
        orchestrator.until(lambda: [one for one in orchestrator.all("heartbeat") if lost in one["leases"]], "a lease")
        since = len(orchestrator.heard)
        orchestrator.until(
            lambda: [one for one in orchestrator.all("heartbeat", since) if lost not in one["leases"]],
            "a heartbeat without the lost lease",
        )
        orchestrator.results(orchestrator.send_batch(session, {}))
        assert all(lost != item["metadata"]["lease_id"] for m in orchestrator.all("results") for item in m["results"])

    def test_take_only_what_travels(self) -> None:
        worker = Worker(steps_endpoint="ipc:///tmp/s", results_endpoint="ipc:///tmp/r")
        with pytest.raises(TypeError, match="at the top of a module"):
            worker.handle("a", lambda step: None, process=True)
