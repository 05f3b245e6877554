"""A worker process and a real orchestrator, which is killed in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
# A bound, not a time that a test takes.
WITHIN = 60.0


class System:
    """An orchestrator on a database in a folder of its own, and a worker of this SDK."""

    def __init__(self) -> None:
        # Not pytest's folder: paths of ipc sockets are short.
        self.folder = Path(tempfile.mkdtemp(prefix="tasker-e2e-"))
        self.ready: dict[str, str] = {"http": "http://127.0.0.1:0"}
        self.server = self.start_server()
        program = Path(__file__).parents[2] / "conformance" / "worker.py"
        endpoints = {"TASKER_STEPS_ENDPOINT": self.ready["steps"], "TASKER_RESULTS_ENDPOINT": self.ready["results"]}
        self.worker = subprocess.Popen([sys.executable, program], env={**os.environ, **endpoints})

    def start_server(self) -> subprocess.Popen[bytes]:
        """A second time on the same address and database."""
        node, tasker = ROOT / "node_modules/.bin/node", ROOT / "apps/cli/bin/tasker.js"
        address = self.ready["http"].removeprefix("http://")
        server = subprocess.Popen(
            [node, tasker, "server", "--database", self.folder / "tasker.db", "--http", address, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        )
        assert server.stdout is not None
        self.ready = json.loads(server.stdout.readline())
        return server

    def close(self) -> None:
        for process in (self.worker, self.server):
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        shutil.rmtree(self.folder)

    def request(self, path: str, body: Any = None, method: str = "GET") -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.ready["http"] + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=WITHIN) as response:
            return json.load(response)

    def settled(self, task_id: str) -> Any:
        ends_at = time.monotonic() + WITHIN
        while time.monotonic() < ends_at:
            task = self.request(f"/v1/tasks/{task_id}")
            if task["status"] != "in_progress":
                return task
            time.sleep(0.05)
        raise AssertionError(f"task {task_id} is still in progress")


@pytest.fixture
def system() -> Iterator[System]:
    system = System()
    yield system
    system.close()


def test_every_step_runs_once_though_the_orchestrator_is_killed_and_the_worker_leaves_when_asked(
    system: System,
) -> None:
    record = system.folder / "record"
    config = {"file": str(record), "ms": 20}
    steps = [
        {"name": "first", "handler": "conformance.record", "config": config},
        {"name": "second", "handler": "conformance.record", "config": config, "depends_on": ["first"]},
    ]
    template = {"namespace": "e2e", "name": "twice", "version": "1.0.0", "steps": steps}
    system.request("/v1/templates/e2e/twice/1.0.0", template, "PUT")
    task = {"namespace": "e2e", "name": "twice", "context": {}}
    accepted = system.request("/v1/tasks/bulk", {"tasks": [task] * 100}, "POST")
    ids = [item["id"] for item in accepted["items"]]

    wait_for_lines(record, 20)
    system.server.kill()
    system.server.wait()
    assert system.server.stdout is not None
    system.server.stdout.close()
    system.server = system.start_server()

    assert {system.settled(task_id)["status"] for task_id in ids} == {"completed"}
    lines = [line.split(" ") for line in record.read_text().splitlines()]
    runs = Counter((task_id, step) for task_id, step, _ in lines)
    assert runs == {(task_id, step): 1 for task_id in ids for step in ("first", "second")}

    system.worker.send_signal(signal.SIGTERM)
    assert system.worker.wait(WITHIN) == 0


def wait_for_lines(file: Path, count: int) -> None:
    ends_at = time.monotonic() + WITHIN
    while time.monotonic() < ends_at:
        if file.exists() and len(file.read_text().splitlines()) >= count:
            return
        time.sleep(0.01)
    raise AssertionError(f"fewer than {count} steps ran")
