"""A worker whose handler answers at once, or after `HANDLER_MS`."""

from __future__ import annotations

import os
import time

from tasker_worker import Step, Worker

SECONDS = int(os.environ["HANDLER_MS"]) / 1000
OUTPUT = {"order_id": 12345, "note": "x" * 70}


def noop(_step: Step) -> dict[str, object]:
    if SECONDS > 0:
        time.sleep(SECONDS)
    return OUTPUT


if __name__ == "__main__":
    worker = Worker()
    worker.handle("noop", noop)
    worker.run()
