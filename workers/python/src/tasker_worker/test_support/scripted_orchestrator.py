"""An orchestrator that does only what a test tells it to, over real sockets. It welcomes who says hello and acknowledges results
and checkpoints unless it is told otherwise, and remembers everything that it hears."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import zmq

from .messages import batch, control, heard, step, welcome

Found = TypeVar("Found")
# A bound, not a time that a test takes.
_WITHIN = 20.0


class ScriptedOrchestrator:
    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="tasker-worker-")
        self.heard: list[dict[str, Any]] = []
        self.welcomes = True
        self.acknowledges = True
        self.codec = "json"
        self.epoch = "e1"
        self.heartbeat_ms = 100
        self._steps = 0
        self._batches = 0
        self._seq = 0
        self._subscribed: set[str] = set()
        self._out: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self.bind()

    @property
    def endpoints(self) -> dict[str, str]:
        return {"steps_endpoint": f"ipc://{self.folder}/steps", "results_endpoint": f"ipc://{self.folder}/results"}

    def bind(self) -> None:
        """(Again) at the same endpoints."""
        self._closing = False
        self._subscribed.clear()
        bound = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(bound,), daemon=True)
        self._thread.start()
        bound.wait(_WITHIN)

    def unbind(self) -> None:
        """As if killed: the endpoints are gone, nobody is told."""
        self._closing = True
        self._thread.join(_WITHIN)

    def close(self) -> None:
        self.unbind()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -------------------------------------------------------------------------------------------------------- saying

    def send(self, frame: bytes) -> None:
        self._out.append(frame)

    def say(self, session: str, kind: str, **members: Any) -> None:
        self.send(control(session, kind, self.epoch, **members))

    def send_batch(self, session: str, *steps: dict[str, Any]) -> list[str]:
        """`steps` are arguments of `messages.step`. Returns the leases."""
        self._batches += 1
        self._seq += 1
        batch_id = f"batch_{self.epoch}_{self._batches}"
        made = []
        for arguments in steps:
            self._steps += 1
            made.append(step(batch_id, self._steps, **arguments))
        self.send(batch(session, batch_id, self._seq, made))
        return [one["metadata"]["lease_id"] for one in made]

    # ------------------------------------------------------------------------------------------------------- hearing

    def _serve(self, bound: threading.Event) -> None:
        with zmq.Context() as context, context.socket(zmq.XPUB) as steps, context.socket(zmq.SUB) as results:
            for socket in (steps, results):
                socket.setsockopt(zmq.LINGER, 0)
            for topic in (b"results ", b"worker "):
                results.setsockopt(zmq.SUBSCRIBE, topic)
            results.bind(self.endpoints["results_endpoint"])
            steps.bind(self.endpoints["steps_endpoint"])
            bound.set()
            poller = zmq.Poller()
            poller.register(steps, zmq.POLLIN)
            poller.register(results, zmq.POLLIN)
            while not self._closing:
                ready = dict(poller.poll(5))
                if steps in ready:
                    self._take_notice(steps.recv())
                if results in ready:
                    self._take(results.recv())
                while self._out:
                    steps.send(self._out.popleft())

    def _take_notice(self, notice: bytes) -> None:
        session = notice[2:].decode().strip()
        with self._changed:
            if notice[0] == 1:
                self._subscribed.add(session)
                self.say(session, "rehello", reason="unknown_session")
            else:
                self._subscribed.discard(session)
            self._changed.notify_all()

    def _take(self, frame: bytes) -> None:
        message = heard(frame)
        with self._changed:
            self.heard.append(message)
            self._changed.notify_all()
        session = message["session"]
        if message["type"] == "hello" and self.welcomes:
            self.send(welcome(session, self.epoch, codec=self.codec, heartbeat_ms=self.heartbeat_ms))
        elif message["type"] == "results" and self.acknowledges:
            self.say(session, "result_ack", lease_ids=[item["metadata"]["lease_id"] for item in message["results"]])
        elif message["type"] == "heartbeat" and self.acknowledges and message["checkpoints"]:
            settled = [{"lease_id": one["lease_id"], "seq": one["seq"]} for one in message["checkpoints"]]
            self.say(session, "checkpoint_ack", checkpoints=settled)

    def until(self, find: Callable[[], Found | None], what: str) -> Found:
        """The first answer of `find` that is not None or empty; it is asked again whenever something is heard."""
        found: list[Found] = []

        def look() -> bool:
            answer = find()
            if answer:
                found.append(answer)
            return bool(answer)

        with self._changed:
            if not self._changed.wait_for(look, _WITHIN):
                raise AssertionError(f"not within {_WITHIN} s: {what}; heard {self.heard[-5:]}")
        return found[0]

    def all(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        return [message for message in self.heard[since:] if message["type"] == kind]

    def session(self, other_than: str = "") -> str:
        """Waits for the session of a worker that has said hello, and is subscribed."""

        def find() -> str | None:
            names = [hello["session"] for hello in self.all("hello")]
            return next((name for name in reversed(names) if name in self._subscribed and name != other_than), None)

        return self.until(find, "a hello")

    def results(self, leases: Sequence[str], since: int = 0) -> list[dict[str, Any]]:
        """Waits for the results of these leases, in this order; the first one for each."""

        def find() -> list[dict[str, Any]] | None:
            items = [item for message in self.all("results", since) for item in message["results"]]
            by_lease = {item["metadata"]["lease_id"]: item for item in reversed(items)}
            return [by_lease[lease] for lease in leases] if all(lease in by_lease for lease in leases) else None

        return self.until(find, f"results of {leases}")
