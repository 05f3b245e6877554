import json
from datetime import datetime

from tasker_worker.log import Log, json_lines


def test_writes_one_json_line_for_each_event_that_is_grave_enough_with_all_fields() -> None:
    lines: list[str] = []
    log = Log(json_lines(lines.append), "warn").with_fields(worker="w1")
    log.debug("step.started")
    log.info("session.ready")
    log.warn("step.failed", step="ship_order", attempt=2)
    log.error("session.refused", why=ValueError("not JSON"))
    assert all(line.endswith("\n") for line in lines)
    first, second = (json.loads(line) for line in lines)
    assert datetime.fromisoformat(first.pop("at")).tzinfo is not None
    assert first == {"level": "warn", "event": "step.failed", "worker": "w1", "step": "ship_order", "attempt": 2}
    assert second["event"] == "session.refused"
    assert second["why"] == "ValueError('not JSON')"


def test_a_sink_that_fails_costs_nobody_anything() -> None:
    def broken(level: str, event: str, fields: object, /) -> None:
        raise BrokenPipeError

    Log(broken, "info").info("session.ready")
