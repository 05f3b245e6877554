"""The session's state machine, with a clock that tests move."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tasker_worker.codec.batch import BatchStep
from tasker_worker.codec.control import SettledCheckpoint
from tasker_worker.codec.limits import Limits
from tasker_worker.codec.outgoing import Result
from tasker_worker.log import Log
from tasker_worker.session.ports import SessionPorts, WorkerTerms
from tasker_worker.session.session import Session
from tasker_worker.test_support.messages import WELCOME_LIMITS, batch, control, heard, step, welcome


class World:
    """A session with everything around it recorded."""

    def __init__(self, codecs: tuple[str, ...] = ("json",)) -> None:
        self.now = 1_000.0
        self.said: list[dict[str, Any]] = []
        self.frames: list[bytes] = []
        self.opened: list[str] = []
        self.closed_with: float | None = None
        self.ran: list[BatchStep] = []
        self.events: list[str] = []
        self.warnings: list[str] = []
        self._tokens = 0
        terms = WorkerTerms("w1", "default", "1", ("work",), 2, codecs)
        log = Log(lambda level, event, fields: self.warnings.append(event), "warn")
        self.session = Session(terms, SessionPorts(self, self, log, lambda: self.now, lambda: 0.5, self._token))

    def _token(self) -> str:
        self._tokens += 1
        return f"{self._tokens:08x}"

    # The wire.
    def open(self, session: str) -> None:
        self.opened.append(session)

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.said.append(heard(frame))

    def close(self, linger_seconds: float) -> None:
        self.closed_with = linger_seconds

    # What the session asks for.
    def run(self, steps: Sequence[BatchStep], limits: Limits) -> None:
        self.ran.extend(steps)

    def cancel(self, lease_ids: Sequence[str], reason: str) -> None:
        self.events.append(f"cancel {','.join(lease_ids)} {reason}")

    def checkpoint_settled(self, settled: SettledCheckpoint) -> None:
        self.events.append(f"settled {settled.lease_id} {settled.seq} {settled.refused}")

    def drain_requested(self, reason: str) -> None:
        self.events.append(f"drain {reason}")

    def refused(self, reason: str, detail: str) -> None:
        self.events.append(f"refused {reason} {detail}")

    def closed(self) -> None:
        self.events.append("closed")

    # What tests do.
    def hear(self, kind: str, epoch: str = "e1", **members: Any) -> None:
        self.session.receive(control(self.session.name, kind, epoch, **members))

    def welcome(self, epoch: str = "e1", **members: Any) -> None:
        self.session.receive(welcome(self.session.name, epoch, **members))

    def hear_batch(self, count: int = 1, *, seq: int = 1, handler: str = "work", batch_id: str = "b1") -> list[str]:
        steps = [step(batch_id, number + 1, handler) for number in range(count)]
        self.session.receive(batch(self.session.name, batch_id, seq, steps))
        return [f"{batch_id}.{number + 1}" for number in range(count)]

    def advance(self, seconds: float) -> list[dict[str, Any]]:
        """Moves time on, ticking whenever the session wants to. Returns what it said meanwhile."""
        since = len(self.said)
        end = self.now + seconds
        while self.session.wakes_at <= end:
            self.now = max(self.now, self.session.wakes_at)
            self.session.tick()
        self.now = end
        self.session.tick()
        return self.said[since:]

    def ready(self) -> World:
        self.session.start()
        self.advance(0.01)
        self.welcome()
        self.said.clear()
        self.warnings.clear()
        return self

    def take(self, kind: str) -> list[dict[str, Any]]:
        """What it said of this kind; everything said before is forgotten."""
        taken = [message for message in self.said if message["type"] == kind]
        self.said.clear()
        return taken


def result(lease_id: str, *, code: str | None = None, output: str = "1") -> Result:
    batch_id, number = lease_id.rsplit(".", 1)
    error = "null" if code is None else json.dumps({"message": "m", "code": code})
    output = output if code is None else "null"
    return Result(lease_id, batch_id, int(number), 1, code is None, output, error, code, None, None, 3, None)


def leases_of(messages: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["lease_id"] for message in messages for item in message.get("results", [])]


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


class TestComing:
    def test_says_hello_a_moment_after_connecting_and_again_less_and_less_often(self) -> None:
        world = World()
        world.session.start()
        assert world.opened == ["w1-00000001"]
        assert world.said == []
        world.advance(0.01)
        [hello] = world.said
        assert (hello["worker_id"], hello["session"], hello["handlers"], hello["capacity"]) == (
            "w1",
            "w1-00000001",
            ["work"],
            2,
        )
        world.hear("ping")
        assert kinds(world.advance(0.25)) == ["hello"]
        assert kinds(world.advance(0.49)) == []
        assert kinds(world.advance(0.01)) == ["hello"]

    def test_is_ready_once_welcomed_and_sends_heartbeats_as_often_as_it_is_told(self) -> None:
        world = World().ready()
        assert world.session.state == "ready"
        assert kinds(world.advance(0.99)) == []
        [heartbeat] = world.advance(0.01)
        assert (heartbeat["epoch"], heartbeat["last_seq"], heartbeat["leases"], heartbeat["capacity"]) == (
            "e1",
            0,
            [],
            2,
        )
        world.welcome(heartbeat_ms=250)
        assert len(world.advance(1)) == 4

    def test_a_refusal_is_final(self) -> None:
        world = World()
        world.session.start()
        world.hear("refuse", reason="duplicate_worker_id", detail="w1 is connected")
        assert world.events == ["refused duplicate_worker_id w1 is connected"]
        assert (world.session.state, world.closed_with) == ("closed", 0)
        assert world.advance(60) == []

    def test_a_welcome_of_another_version_is_a_refusal(self) -> None:
        world = World()
        world.session.start()
        world.welcome(version="1.0")
        assert world.events == ["refused protocol_version the orchestrator chose 1.0"]

    def test_a_welcome_with_a_codec_that_was_not_offered_changes_nothing(self) -> None:
        world = World()
        world.session.start()
        world.welcome(codec="msgpack")
        assert (world.session.state, world.warnings) == ("connecting", ["message.refused"])

    def test_says_hello_when_asked_with_all_that_it_holds_and_goes_on_with_its_work(self) -> None:
        world = World().ready()
        running, done = world.hear_batch(2)
        world.session.finish([result(done)])
        world.said.clear()
        world.hear("rehello", reason="unknown_session")
        [hello] = world.said
        assert (hello["leases"], hello["outbox"]) == ([running], [done])
        world.welcome(epoch="e2")
        assert leases_of(world.said) == [done]

    def test_a_message_of_another_epoch_is_answered_with_hello(self) -> None:
        world = World().ready()
        world.hear("ping", epoch="e2")
        assert kinds(world.said) == ["hello"]

    def test_speaks_message_pack_from_the_welcome_on_that_chooses_it(self) -> None:
        world = World(codecs=("msgpack", "json"))
        world.session.start()
        world.advance(0.01)
        assert world.said[0]["codecs"] == ["msgpack", "json"]
        assert world.frames[0].startswith(b"worker {")
        world.welcome(codec="msgpack")
        [lease] = world.hear_batch()
        world.session.finish([result(lease, output='{"id":9007199254740993}')])
        frame = world.frames[-1]
        assert 0x80 <= frame[len("results ")] <= 0x8F
        [item] = world.said[-1]["results"]
        assert item["output"] == '{"id":9007199254740993}'


class TestSilence:
    def test_after_four_seconds_it_connects_again_under_a_new_name_and_keeps_what_it_holds(self) -> None:
        world = World().ready()
        running, done = world.hear_batch(2)
        world.session.finish([result(done)])
        world.advance(3.99)
        assert len(world.opened) == 1
        world.said.clear()
        world.advance(0.1)
        assert world.opened == ["w1-00000001", "w1-00000002"]
        [hello] = world.take("hello")
        assert (hello["session"], hello["leases"], hello["outbox"]) == ("w1-00000002", [running], [done])
        world.welcome()
        [message] = world.take("results")
        assert (message["session"], leases_of([message])) == ("w1-00000002", [done])

    def test_pings_keep_it(self) -> None:
        world = World().ready()
        for _ in range(10):
            world.advance(2)
            world.hear("ping")
        assert len(world.opened) == 1

    def test_time_in_which_the_process_stood_still_is_nobodys_silence(self) -> None:
        world = World().ready()
        world.now += 60
        world.session.tick()
        assert len(world.opened) == 1
        world.advance(4)
        assert len(world.opened) == 2


class TestBatches:
    def test_steps_are_run_before_the_welcome_too(self) -> None:
        world = World()
        world.session.start()
        [lease] = world.hear_batch()
        assert [one.lease_id for one in world.ran] == [lease]

    def test_a_doubled_batch_and_a_lease_that_it_has_run_nothing(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch(seq=1)
        world.hear_batch(seq=1)
        world.hear_batch(seq=2)
        world.session.finish([result(lease)])
        world.hear_batch(seq=3)
        world.hear("result_ack", lease_ids=[lease])
        world.hear_batch(seq=3)
        assert len(world.ran) == 1
        world.advance(1)
        [heartbeat] = world.take("heartbeat")
        assert heartbeat["last_seq"] == 3

    def test_a_lease_whose_handler_is_overdue_is_not_run_again(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch(seq=1)
        world.session.finish([result(lease, code="timeout")])
        world.hear("result_ack", lease_ids=[], timeout_ids=[lease])
        world.hear_batch(seq=2)
        assert len(world.ran) == 1

    def test_a_handler_that_it_does_not_have_is_rejected(self) -> None:
        world = World().ready()
        leases = world.hear_batch(handler="other")
        [reject] = world.said
        assert (reject["reason"], reject["lease_ids"]) == ("unknown_handler", leases)
        assert world.ran == []

    def test_a_step_that_cannot_be_read_is_rejected_and_its_neighbours_run(self) -> None:
        world = World().ready()
        bad = {**step("b1", 1), "task_context": []}
        world.session.receive(batch(world.session.name, "b1", 1, [bad, step("b1", 2)]))
        [reject] = world.take("reject")
        assert (reject["reason"], reject["lease_ids"]) == ("malformed", ["b1.1"])
        assert [one.lease_id for one in world.ran] == ["b1.2"]
        assert world.warnings == ["step.refused"]

    @pytest.mark.parametrize(
        "payload", [b"{", b'{"type":"ping"}', b'{"batch_id":"b","protocol_version":"1.0","steps":[]}']
    )
    def test_a_message_that_is_wrong_changes_nothing_and_is_visible(self, payload: bytes) -> None:
        world = World().ready()
        world.session.receive(b"@w1-00000001 " + payload)
        assert (world.said, world.warnings, world.session.state) == ([], ["message.refused"], "ready")

    def test_a_type_that_it_does_not_know_is_ignored(self) -> None:
        world = World().ready()
        world.hear("news")
        assert (world.said, world.warnings) == ([], [])


class TestResults:
    def test_are_sent_at_once_with_those_of_their_batch_and_again_until_acknowledged(self) -> None:
        world = World().ready()
        first = world.hear_batch(2, batch_id="b1", seq=1)
        second = world.hear_batch(1, batch_id="b2", seq=2)
        world.session.finish([result(lease) for lease in (*first, *second)])
        messages = world.take("results")
        assert [(message["batch_id"], leases_of([message])) for message in messages] == [("b1", first), ("b2", second)]
        world.hear("result_ack", lease_ids=first)
        assert leases_of(world.advance(1)) == second
        world.hear("ping")
        assert leases_of(world.advance(1.9)) == []
        assert leases_of(world.advance(0.1)) == second
        world.hear("result_ack", lease_ids=second)
        assert world.session.outbox_size == 0

    def test_are_the_same_every_time(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.session.finish([result(lease, output='{"b":1,"a":9007199254740993}')])
        once = world.frames[-1]
        world.advance(1)
        assert once in world.frames[world.frames.index(once) + 1 :]

    def test_of_leases_that_it_does_not_hold_are_ignored(self) -> None:
        world = World().ready()
        world.session.finish([result("b9.1")])
        assert world.said == []

    def test_too_large_together_are_sent_apart(self) -> None:
        world = World().ready()
        world.welcome(limits={**WELCOME_LIMITS, "max_message_bytes": 100_000})
        world.said.clear()
        leases = world.hear_batch(2)
        world.session.finish([result(lease, output=json.dumps("x" * 59_000)) for lease in leases])
        assert [leases_of([message]) for message in world.take("results")] == [[leases[0]], [leases[1]]]

    def test_a_late_answer_waits_for_the_ack_of_its_timeout(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.session.finish([result(lease, code="timeout")])
        world.session.finish([result(lease)])
        [message] = world.take("results")
        assert message["results"][0]["error"]["code"] == "timeout"
        world.hear("result_ack", lease_ids=[], timeout_ids=[lease])
        [answer] = world.take("results")
        assert answer["results"][0]["status"] == "completed"
        world.hear("result_ack", lease_ids=[], timeout_ids=[lease])
        assert world.session.outbox_size == 1
        world.hear("result_ack", lease_ids=[lease])
        assert world.session.outbox_size == 0

    def test_an_attempt_that_is_lost_is_no_longer_declared(self) -> None:
        world = World().ready()
        kept, lost = world.hear_batch(2)
        world.session.forget(lost)
        [heartbeat] = world.advance(1)
        assert heartbeat["leases"] == [kept]


class TestHeartbeats:
    def test_carry_the_latest_progress_once(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.session.progress(lease, '{"percent":10}')
        world.session.progress(lease, '{"percent":20}')
        world.session.progress("b9.9", "1")
        first, second = world.advance(2)
        assert first["progress"] == [{"lease_id": lease, "progress": {"percent": 20}}]
        assert second["progress"] == []

    def test_lower_the_capacity_by_handlers_that_do_not_end_but_never_to_nothing(self) -> None:
        world = World().ready()
        world.session.overdue(1)
        world.session.overdue(5)
        assert [message["capacity"] for message in world.take("heartbeat")] == [1, 1]


class TestCheckpoints:
    def test_are_sent_at_once_and_in_every_heartbeat_until_settled(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.session.checkpoint(lease, 1, '{"row":9007199254740993}')
        world.session.tick()
        cursor = {"lease_id": lease, "seq": 1, "cursor": {"row": 9007199254740993}}
        assert [message["checkpoints"] for message in world.take("heartbeat")] == [[cursor]]
        assert [message["checkpoints"] for message in world.advance(1)] == [[cursor]]
        world.hear("checkpoint_ack", checkpoints=[{"lease_id": lease, "seq": 1}])
        assert world.events == [f"settled {lease} 1 None"]
        assert [message["checkpoints"] for message in world.advance(1)] == [[]]

    def test_newer_ones_wait_for_the_ack_and_only_the_newest_is_sent(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        for seq in (1, 2, 3):
            world.session.checkpoint(lease, seq, str(seq))
            world.session.tick()
        world.hear("checkpoint_ack", checkpoints=[{"lease_id": lease, "seq": 1}])
        world.session.tick()
        sent = [cursor["seq"] for message in world.take("heartbeat") for cursor in message["checkpoints"]]
        assert sent == [1, 3]

    def test_one_that_waits_is_sent_before_the_result_and_then_forgotten(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.session.checkpoint(lease, 1, "1")
        world.session.tick()
        world.session.checkpoint(lease, 2, "2")
        world.said.clear()
        world.session.finish([result(lease)])
        assert kinds(world.said) == ["heartbeat", "results"]
        assert [cursor["seq"] for cursor in world.said[0]["checkpoints"]] == [2]
        world.hear("result_ack", lease_ids=[lease])
        assert [message["checkpoints"] for message in world.advance(1)] == [[]]

    def test_that_are_large_go_in_several_heartbeats(self) -> None:
        world = World().ready()
        leases = world.hear_batch(3)
        for lease in leases:
            world.session.checkpoint(lease, 1, json.dumps("x" * 600_000))
        world.session.tick()
        sent = [[cursor["lease_id"] for cursor in message["checkpoints"]] for message in world.take("heartbeat")]
        assert sent == [[lease] for lease in leases]

    def test_of_a_lease_that_it_does_not_hold_are_refused(self) -> None:
        world = World().ready()
        world.session.checkpoint("b9.9", 1, "1")
        assert world.events == ["settled b9.9 1 stale_lease"]

    def test_survive_the_loss_of_the_session(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.session.checkpoint(lease, 1, "1")
        world.advance(4.1)
        world.welcome()
        world.said.clear()
        assert [cursor["seq"] for message in world.advance(0) for cursor in message["checkpoints"]] == [1]


class TestLeaving:
    def test_draining_rejects_what_comes_and_has_no_capacity(self) -> None:
        world = World().ready()
        [running] = world.hear_batch()
        world.session.drain()
        [heartbeat] = world.take("heartbeat")
        assert (heartbeat["capacity"], heartbeat["leases"], world.session.state) == (0, [running], "draining")
        late = world.hear_batch(batch_id="b2", seq=2)
        [reject] = world.take("reject")
        assert (reject["reason"], reject["lease_ids"]) == ("draining", late)

    def test_what_has_not_begun_is_given_back(self) -> None:
        world = World().ready()
        first, second = world.hear_batch(2)
        world.session.drain()
        world.said.clear()
        world.session.give_back([second, "b9.9"])
        [reject] = world.take("reject")
        assert reject["lease_ids"] == [second]
        assert world.advance(1)[-1]["leases"] == [first]

    def test_says_bye_once_its_last_result_is_acknowledged(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.session.finish([result(lease)])
        world.session.leave(5)
        assert world.events == []
        world.hear("result_ack", lease_ids=[lease])
        assert (world.said[-1]["type"], world.said[-1]["last_seq"]) == ("bye", 1)
        assert (world.events, world.closed_with, world.session.state) == (["closed"], 2.0, "closed")

    def test_says_bye_without_acks_when_they_do_not_come_in_time(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.session.finish([result(lease)])
        world.session.leave(2)
        world.advance(2)
        assert (world.said[-1]["type"], world.events, world.warnings) == ("bye", ["closed"], ["results.unacknowledged"])

    def test_the_orchestrators_drain_and_cancel_are_passed_on(self) -> None:
        world = World().ready()
        [lease] = world.hear_batch()
        world.hear("drain", reason="rolling out")
        world.hear("cancel", lease_ids=[lease], reason="task cancelled")
        assert world.events == ["drain rolling out", f"cancel {lease} task cancelled"]
