"""The worker of this SDK that `tasker conformance` drives: the handlers of protocol/conformance.md."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, NoReturn

from tasker_worker import PermanentError, RetryableError, Step, Worker

worker = Worker()


@worker.handler("conformance.echo")
def echo(step: Step) -> Any:
    return step.context


@worker.handler("conformance.inspect")
def inspect(step: Step) -> Any:
    return {
        "attempt": step.attempt,
        "max_attempts": step.max_attempts,
        "is_last_attempt": step.is_last_attempt,
        "idempotency_key": step.idempotency_key,
        "config": step.config,
        "previous_results": step.previous_results,
        "cursor": step.cursor,
    }


@worker.handler("conformance.sleep")
def sleep(step: Step) -> Any:
    ms = step.config["ms"]
    if step.config.get("stubborn"):
        time.sleep(ms / 1000)
    elif step.wait(ms / 1000):
        step.raise_if_cancelled()
    return {"slept_ms": ms}


@worker.handler("conformance.busy")
def busy(step: Step) -> Any:
    ms = step.config["ms"]
    ends_at = time.monotonic() + ms / 1000
    while time.monotonic() < ends_at:
        pass
    return {"busy_ms": ms}


@worker.handler("conformance.fail")
def fail(step: Step) -> Any:
    config = step.config
    if "until_attempt" in config and step.attempt >= config["until_attempt"]:
        return {"attempt": step.attempt}
    message, code = config["message"], config.get("code")
    match config["kind"]:
        case "retryable":
            after_ms = config.get("retry_after_ms")
            raise RetryableError(message, code=code, retry_after=None if after_ms is None else after_ms / 1000)
        case "permanent":
            raise PermanentError(message, code=code)
    raise ValueError(message)


@worker.handler("conformance.record")
def record(step: Step) -> Any:
    line = f"{step.task_id} {step.step_name} {step.attempt}\n"
    descriptor = os.open(step.config["file"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
    if step.wait(step.config.get("ms", 0) / 1000):
        step.raise_if_cancelled()
    return {"attempt": step.attempt}


@worker.handler("conformance.crash")
def crash(step: Step) -> Any:
    if step.attempt < step.config["until_attempt"]:
        die()
    return {"attempt": step.attempt}


@worker.handler("conformance.large")
def large(step: Step) -> Any:
    return {"text": "x" * step.config["bytes"]}


@worker.handler("conformance.not_json")
def not_json(step: Step) -> Any:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


@worker.handler("conformance.progress")
def progress(step: Step) -> Any:
    count = step.config["count"]
    for done in range(1, count + 1):
        if step.wait(step.config["interval_ms"] / 1000):
            step.raise_if_cancelled()
        step.heartbeat({"done": done, "of": count})
    return {"done": count}


@worker.handler("conformance.checkpoint")
def checkpoint(step: Step) -> Any:
    interval = step.config["interval_ms"] / 1000
    started_at = 0 if step.cursor is None else step.cursor["position"]
    position = started_at
    while position < step.config["count"]:
        if step.wait(interval):
            step.raise_if_cancelled()
        position += 1
        step.checkpoint({"position": position})
        if position == step.config.get("crash_at") and step.attempt == 1:
            time.sleep(2 * interval)
            die()
    return {"started_at": started_at, "position": position}


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process goes on")


if __name__ == "__main__":
    worker.run()
