"""The real `SessionWire`: a SUB and a PUB for each session. Everything that decides is in `session.py`."""

from __future__ import annotations

from collections.abc import Callable

import zmq

from ..settings import Endpoints

# Frames that may wait for a slow connection; what is beyond is dropped, and sent again by the outbox.
_SEND_HIGH_WATER_MARK = 10_000
_RECONNECT_MS = 100


class Sockets:
    """Belongs to one thread. Neither ZMTP heartbeats nor a largest message size are set: on a SUB the first aborts the process
    and the second silences the connection for ever (libzmq #3937, #4196; R-4)."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoints: Endpoints, poller: zmq.Poller) -> None:
        self._context = context
        self._endpoints = endpoints
        self._poller = poller
        self._publisher: zmq.Socket[bytes] | None = None
        self._subscriber: zmq.Socket[bytes] | None = None

    def open(self, session: str) -> None:
        self.close(0)
        publisher = self._context.socket(zmq.PUB)
        publisher.setsockopt(zmq.LINGER, 0)
        publisher.setsockopt(zmq.SNDHWM, _SEND_HIGH_WATER_MARK)
        publisher.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        subscriber = self._context.socket(zmq.SUB)
        subscriber.setsockopt(zmq.LINGER, 0)
        subscriber.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        # Results first: by the time a batch comes, it can be answered.
        publisher.connect(self._endpoints.results)
        subscriber.connect(self._endpoints.steps)
        subscriber.setsockopt(zmq.SUBSCRIBE, f"@{session} ".encode())
        self._publisher, self._subscriber = publisher, subscriber
        self._poller.register(subscriber, zmq.POLLIN)

    def send(self, frame: bytes) -> None:
        if self._publisher is None:
            return
        try:
            self._publisher.send(frame, zmq.NOBLOCK)
        except zmq.ZMQError:
            # Its queue is full: results are sent again until they are acknowledged, the rest is said again anyway.
            return

    def drain(self, receive: Callable[[bytes], None], most: int) -> int:
        """Hands over frames that wait, at most so many. Returns their number."""
        for taken in range(most):
            subscriber = self._subscriber
            if subscriber is None:
                return taken
            try:
                frame = subscriber.recv(zmq.NOBLOCK)
            except zmq.ZMQError:
                return taken
            if subscriber.getsockopt(zmq.RCVMORE):
                # Messages of several frames are dropped.
                while subscriber.getsockopt(zmq.RCVMORE):
                    subscriber.recv()
                continue
            receive(frame)
        return most

    def close(self, linger_seconds: float) -> None:
        if self._publisher is not None:
            self._publisher.close(linger=round(linger_seconds * 1000))
        if self._subscriber is not None:
            self._poller.unregister(self._subscriber)
            self._subscriber.close()
        self._publisher = self._subscriber = None
