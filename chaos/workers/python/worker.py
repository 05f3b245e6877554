"""The worker of the runs in Python: `chaos.work` and `chaos.gate`, as in ../typescript/worker.ts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasker_worker import RetryableError, Step, Worker

LOG = Path(os.environ["CHAOS_LOG"])
WORKER_ID = os.environ["TASKER_WORKER_ID"]

worker = Worker()


def write(step: Step, **said: Any) -> None:
    line = {"at": round(time.time() * 1000), "task": step.task_id, "step": step.step_name, "attempt": step.attempt}
    with LOG.open("a") as file:
        file.write(json.dumps({**line, "worker": WORKER_ID, **said}) + "\n")


def logged(run: Callable[[Step], None]) -> Callable[[Step], dict[str, int]]:
    def handler(step: Step) -> dict[str, int]:
        write(step, event="started")
        try:
            run(step)
        except Exception:
            write(step, event="ended", outcome="failed")
            raise
        write(step, event="ended", outcome="completed")
        return {"attempt": step.attempt}

    return handler


def work(step: Step) -> None:
    time.sleep(step.context.get("ms", step.config.get("ms", 1)) / 1000)
    if step.attempt <= step.config.get("fails", 0):
        raise RetryableError(f"attempt {step.attempt} fails")


def gate(step: Step) -> None:
    while not Path(step.context["gate"]).exists():
        step.raise_if_cancelled()
        time.sleep(0.01)


worker.handle("chaos.work", logged(work))
worker.handle("chaos.gate", logged(gate))
worker.run()
