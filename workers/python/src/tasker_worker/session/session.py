"""A worker's side of the protocol with one orchestrator (spec section 6.1), without sockets, timers or a clock of its own:
frames, results and ticks come in; frames, steps to run and calls of `SessionEvents` go out.

    connecting -> hello (backing off) -> ready -> draining -> closed;  4 s of silence: lost, which is connecting again

Promises: a lease runs at most once here, and every result is kept until the orchestrator has acknowledged it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from math import inf
from typing import Literal

from ..codec.batch import Batch, BatchStep
from ..codec.control import (
    Cancel,
    CheckpointAck,
    Control,
    Drain,
    Refuse,
    Rehello,
    ResultAck,
    SettledCheckpoint,
    Welcome,
    decode,
)
from ..codec.limits import IDS_PER_LIST, RESULTS_PER_MESSAGE, Limits
from ..codec.outgoing import (
    Cursor,
    Encoder,
    Heartbeat,
    Hello,
    JsonEncoder,
    MessagePackEncoder,
    Result,
    encode_hello,
)
from ..codec.protocol_error import ProtocolError
from .cursors import Cursors
from .holdings import Holdings
from .outbox import Outbox
from .ports import SessionPorts, WorkerTerms
from .recent_batches import RecentBatches

State = Literal["connecting", "hello", "ready", "draining", "closed"]

_SILENCE = 4.0
# PUB drops what is published before it is connected, so the first hello waits a moment.
_FIRST_HELLO = 0.01
_HELLO_AGAIN = 0.25
_LONGEST_HELLO = 5.0
_JITTER = 0.2
_LINGER_AFTER_BYE = 2.0
# A tick may be this late; beyond that, the process was stopped, and that is nobody's silence.
_LATE_TICK = 0.5
# So that cursors delay what is behind them by little.
_CURSOR_BYTES_PER_HEARTBEAT = 1024 * 1024
# Room for ids and metadata of one result, and for the head of the message.
_ENVELOPE_BYTES = 1_024


class Session:
    def __init__(self, terms: WorkerTerms, ports: SessionPorts) -> None:
        self._terms = terms
        self._ports = ports
        self._handlers = frozenset(terms.handlers)
        self._holdings = Holdings()
        self._outbox = Outbox(ports.uniform)
        self._cursors = Cursors()
        self._progress: dict[str, str] = {}
        self._recent_batches = RecentBatches()
        self._connection: Literal["connecting", "hello", "ready", "closed"] = "closed"
        self._encoder: Encoder = JsonEncoder()
        self._name = ""
        self._epoch = ""
        self._limits = Limits()
        self._last_seq = 0
        self._heard_at = 0.0
        self._hello_at = 0.0
        self._hello_delay = _HELLO_AGAIN
        self._heartbeat_every = 1.0
        self._heartbeat_at = 0.0
        self._draining = False
        self._leave_at: float | None = None
        """When it closes at the latest; None: not asked to."""
        self._overdue = 0

    @property
    def state(self) -> State:
        return "draining" if self._draining and self._connection != "closed" else self._connection

    @property
    def name(self) -> str:
        """The session's name on the wire; another one after every loss."""
        return self._name

    @property
    def outbox_size(self) -> int:
        """Results that are not acknowledged."""
        return len(self._outbox)

    @property
    def wakes_at(self) -> float:
        """When the next tick has something to do; infinity when closed."""
        if self._connection == "closed":
            return inf
        leave_at = inf if self._leave_at is None else self._leave_at
        if self._connection == "ready":
            return min(self._heard_at + _SILENCE, self._heartbeat_at, self._outbox.earliest, leave_at)
        return min(self._heard_at + _SILENCE, self._hello_at, leave_at)

    # ------------------------------------------------------------------------------------------- what others ask

    def start(self) -> None:
        self._connect()

    def tick(self) -> None:
        """Time has passed. May be called at any time; call it at `wakes_at`, which any other call may have moved."""
        if self._connection == "closed":
            return
        now = self._ports.clock()
        self._forgive_pause(now)
        if self._leave_if_done(now):
            return
        if now - self._heard_at >= _SILENCE:
            self._lose()
        if self._connection == "ready":
            if now >= self._heartbeat_at:
                self._send_heartbeat()
            self._send_results(self._outbox.take_due(now))
        elif now >= self._hello_at:
            self._send_hello()

    def finish(self, results: Sequence[Result]) -> None:
        """Handlers ended. Results of leases that it does not hold are ignored."""
        if self._connection == "ready" and self._cursors.waits(result.lease_id for result in results):
            self._send_heartbeat()
        now = self._ports.clock()
        fresh = []
        for result in results:
            lease_id = result.lease_id
            timed_out = result.error_code == "timeout"
            if not self._holdings.end(lease_id, timed_out):
                continue
            self._progress.pop(lease_id, None)
            self._cursors.forget(lease_id)
            if self._outbox.put(result, now):
                fresh.append(result)
        if self._connection == "ready":
            self._send_results(fresh)

    def give_back(self, lease_ids: Iterable[str]) -> None:
        """These were never begun, and never will be."""
        self._reject([lease_id for lease_id in lease_ids if self._holdings.release(lease_id)], "draining")

    def forget(self, lease_id: str) -> None:
        """Nobody will know what came of it: the orchestrator finds it missing, and `on_lost` decides."""
        self._holdings.release(lease_id)
        self._progress.pop(lease_id, None)
        self._cursors.forget(lease_id)

    def progress(self, lease_id: str, text: str) -> None:
        """The latest progress of a lease (JSON text) travels with the next heartbeat."""
        if lease_id in self._holdings:
            self._progress[lease_id] = text

    def checkpoint(self, lease_id: str, seq: int, text: str) -> None:
        """A cursor (JSON text) is sent at once, or as soon as the one before it is settled."""
        if lease_id not in self._holdings:
            self._ports.events.checkpoint_settled(SettledCheckpoint(lease_id, seq, "stale_lease"))
        elif self._cursors.put(Cursor(lease_id, seq, text)):
            self._heartbeat_soon()

    def overdue(self, count: int) -> None:
        """So many handlers have run past their timeouts and still fill their slots."""
        self._overdue = count
        if self._connection == "ready":
            self._send_heartbeat()

    def drain(self) -> None:
        """Takes no more steps."""
        if self._draining or self._connection == "closed":
            return
        self._draining = True
        if self._connection == "ready":
            self._send_heartbeat()

    def leave(self, flush_seconds: float) -> None:
        """Says bye and closes as soon as every result is acknowledged, after `flush_seconds` at the latest."""
        if self._connection == "closed":
            return
        self.drain()
        self._leave_at = self._ports.clock() + flush_seconds
        self._leave_if_done(self._ports.clock())

    # ---------------------------------------------------------------------------------------------- what is heard

    def receive(self, frame: bytes) -> None:
        """A frame arrived. Never raises: what cannot be read is logged."""
        if self._connection == "closed":
            return
        self._heard_at = self._ports.clock()
        try:
            message = decode(frame)
        except ProtocolError as error:
            if error.code != "unknown_type":
                self._warn("message.refused", code=error.code, error=str(error))
            return
        if isinstance(message, Batch):
            self._take_batch(message)
        else:
            self._take_control(message)

    def _take_control(self, message: Control) -> None:
        match message:
            case ResultAck():
                self._acknowledged(message)
            case CheckpointAck():
                self._settled(message.checkpoints)
            case Welcome():
                self._welcomed(message)
            case Rehello():
                self._say_hello_again(message.reason)
                return
            case Refuse():
                self._refused(message.reason, message.detail)
            case Cancel():
                self._ports.events.cancel(message.lease_ids, message.reason)
            case Drain():
                self._ports.events.drain_requested(message.reason)
        if self._connection == "ready" and message.epoch != self._epoch:
            self._say_hello_again("other_epoch")

    def _take_batch(self, batch: Batch) -> None:
        if batch.protocol_version != "2.0":
            self._warn("message.refused", error="a batch of protocol 1.0")
            return
        self._last_seq = max(self._last_seq, batch.seq)
        if not self._recent_batches.add(batch.seq):
            return
        accepted: list[BatchStep] = []
        draining: list[str] = []
        unknown: list[str] = []
        for step in batch.steps:
            lease_id = step.lease_id
            if lease_id in self._outbox or self._holdings.knows(lease_id):
                continue
            if self._draining:
                draining.append(lease_id)
            elif step.handler not in self._handlers:
                unknown.append(lease_id)
            else:
                self._holdings.add(lease_id)
                accepted.append(step)
        if accepted:
            self._ports.events.run(accepted, self._limits)
        self._reject(draining, "draining")
        self._reject(unknown, "unknown_handler")
        for refused in batch.refused:
            self._warn("step.refused", batch=batch.batch_id, code=refused.error.code, error=str(refused.error))
        self._reject([refused.lease_id for refused in batch.refused if refused.lease_id is not None], "malformed")

    def _reject(self, lease_ids: Sequence[str], reason: str) -> None:
        if lease_ids:
            self._ports.log.info("steps.rejected", session=self._name, reason=reason, leases=lease_ids)
            self._ports.wire.send(self._encoder.reject(self._name, lease_ids, reason))

    def _acknowledged(self, ack: ResultAck) -> None:
        now = self._ports.clock()
        following = [self._outbox.acknowledge(lease_id, now) for lease_id in ack.lease_ids]
        following += [self._outbox.acknowledge_timeout(lease_id, now) for lease_id in ack.timeout_ids]
        if self._connection == "ready":
            self._send_results([result for result in following if result is not None])
        self._leave_if_done(now)

    def _settled(self, checkpoints: Sequence[SettledCheckpoint]) -> None:
        newer = [self._cursors.settle(settled) for settled in checkpoints]
        for settled in checkpoints:
            self._ports.events.checkpoint_settled(settled)
        if any(newer):
            self._heartbeat_soon()

    # ------------------------------------------------------------------------------------------- coming and going

    def _connect(self) -> None:
        now = self._ports.clock()
        self._name = f"{self._terms.worker_id}-{self._ports.token()}"
        self._connection = "connecting"
        self._encoder = JsonEncoder()
        self._last_seq = 0
        self._recent_batches = RecentBatches()
        self._heard_at = now
        self._hello_delay = _HELLO_AGAIN
        self._hello_at = now + _FIRST_HELLO
        self._ports.log.debug("session.connecting", session=self._name)
        self._ports.wire.open(self._name)

    def _lose(self) -> None:
        """Handlers run on, leases and outbox are kept; only the connection is made anew (R-35)."""
        self._warn(
            "session.lost",
            was=self._connection,
            silent_seconds=_SILENCE,
            holding=len(self._holdings),
            outbox=len(self._outbox),
        )
        self._connect()

    def _send_hello(self) -> None:
        self._connection = "hello"
        spread = 1 + _JITTER * (2 * self._ports.uniform() - 1)
        self._hello_at = self._ports.clock() + self._hello_delay * spread
        self._hello_delay = min(self._hello_delay * 2, _LONGEST_HELLO)
        terms = self._terms
        hello = Hello(
            self._name,
            terms.worker_id,
            terms.version,
            terms.pool,
            terms.handlers,
            self._capacity,
            list(self._holdings.lease_ids()),
            list(self._outbox.lease_ids()),
        )
        self._ports.wire.send(encode_hello(hello, terms.codecs))

    def _say_hello_again(self, reason: str) -> None:
        self._ports.log.debug("session.hello_again", session=self._name, reason=reason)
        self._hello_delay = _HELLO_AGAIN
        self._send_hello()

    def _welcomed(self, message: Welcome) -> None:
        if message.version != "2.0":
            self._refused("protocol_version", f"the orchestrator chose {message.version}")
            return
        if message.codec not in self._terms.codecs:
            self._warn("message.refused", code="invalid_value", error=f"codec: {message.codec} was not offered")
            return
        is_news = self._connection != "ready" or message.epoch != self._epoch
        self._epoch = message.epoch
        self._limits = message.limits
        self._encoder = MessagePackEncoder() if message.codec == "msgpack" else JsonEncoder()
        self._heartbeat_every = message.heartbeat_ms / 1000
        self._connection = "ready"
        self._heartbeat_at = self._ports.clock() + (0 if self._cursors else self._heartbeat_every)
        (self._ports.log.info if is_news else self._ports.log.debug)(
            "session.ready",
            session=self._name,
            orchestrator=message.orchestrator_id,
            epoch=message.epoch,
            codec=message.codec,
            holding=len(self._holdings),
            outbox=len(self._outbox),
        )
        self._outbox.restart()
        self._send_results(self._outbox.take_due(self._ports.clock()))

    def _refused(self, reason: str, detail: str) -> None:
        self._ports.log.error("session.refused", session=self._name, reason=reason, detail=detail)
        self._close(0)
        self._ports.events.refused(reason, detail)

    def _leave_if_done(self, now: float) -> bool:
        if self._leave_at is None or (self._outbox and now < self._leave_at):
            return False
        if self._outbox:
            self._warn("results.unacknowledged", leases=list(self._outbox.lease_ids()))
        if self._connection in ("ready", "hello"):
            self._ports.wire.send(self._encoder.bye(self._name, self._last_seq))
        self._close(_LINGER_AFTER_BYE)
        self._ports.events.closed()
        return True

    def _close(self, linger_seconds: float) -> None:
        self._connection = "closed"
        self._ports.wire.close(linger_seconds)
        self._ports.log.info("session.closed", session=self._name)

    def _forgive_pause(self, now: float) -> None:
        """Time during which this process did not run is nobody's silence: what waits in the sockets is heard first."""
        late = now - self.wakes_at
        if late > _LATE_TICK:
            self._heard_at += min(late, max(0.0, now - self._heard_at))

    # ---------------------------------------------------------------------------------------------------- sending

    @property
    def _capacity(self) -> int:
        """A handler that does not end after its timeout fills its slot, but all such handlers together leave one (R-48)."""
        return 0 if self._draining else max(1, self._terms.capacity - self._overdue)

    def _heartbeat_soon(self) -> None:
        """With the next tick, so that what is saved until then goes in one message."""
        self._heartbeat_at = min(self._heartbeat_at, self._ports.clock())

    def _send_heartbeat(self) -> None:
        self._heartbeat_at = self._ports.clock() + self._heartbeat_every
        progress = list(self._progress.items())
        self._progress.clear()
        first, *more = self._cursors.take(_CURSOR_BYTES_PER_HEARTBEAT)
        self._beat(progress, first)
        for cursors in more:
            self._beat([], cursors)

    def _beat(self, progress: Sequence[tuple[str, str]], cursors: Sequence[Cursor]) -> None:
        heartbeat = Heartbeat(
            self._name,
            self._epoch,
            self._last_seq,
            list(islice(chain(self._holdings.lease_ids(), self._outbox.lease_ids()), IDS_PER_LIST)),
            self._capacity,
            progress,
            cursors,
        )
        self._ports.wire.send(self._encoder.heartbeat(heartbeat))

    def _send_results(self, results: Sequence[Result]) -> None:
        """Results of one batch share a message, results of several do not (spec section 5.5)."""
        if not results:
            return
        batches: dict[str, list[Result]] = {}
        for result in results:
            batches.setdefault(result.batch_id, []).append(result)
        for batch_id, items in batches.items():
            for part in _split_by_size(items, self._limits.max_message_bytes):
                self._ports.wire.send(self._encoder.results(self._name, batch_id, part))

    def _warn(self, event: str, **fields: object) -> None:
        self._ports.log.warn(event, session=self._name, **fields)


def _split_by_size(results: list[Result], max_bytes: int) -> list[list[Result]]:
    """Cuts a batch's results into messages that the orchestrator takes; nearly always there is one."""
    # A character becomes at most four bytes, so short messages need not be measured.
    most = sum(len(result.output) + len(result.error) for result in results) * 4 + len(results) * _ENVELOPE_BYTES
    if most <= max_bytes and len(results) <= RESULTS_PER_MESSAGE:
        return [results]
    parts: list[list[Result]] = []
    room = 0
    for result in results:
        size = len(result.output.encode()) + len(result.error.encode()) + _ENVELOPE_BYTES
        if not parts or size > room or len(parts[-1]) >= RESULTS_PER_MESSAGE:
            parts.append([])
            room = max_bytes - _ENVELOPE_BYTES
        parts[-1].append(result)
        room -= size
    return parts
