"""The samples of the README and the guide are run as they stand, with stand-ins for what they call."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tasker_worker.testing import run_handler

ROOT = Path(__file__).parents[4]


def module_of(document: str, monkeypatch: pytest.MonkeyPatch, **stand_ins: Any) -> ModuleType:
    """All Python samples of a document, in order, as one module."""
    text = (ROOT / document).read_text()
    module = ModuleType("documentation")
    monkeypatch.setitem(sys.modules, "documentation", module)
    for variable in ("TASKER_STEPS_ENDPOINT", "TASKER_RESULTS_ENDPOINT"):
        monkeypatch.setenv(variable, "ipc:///tmp/none")
    vars(module).update(stand_ins)
    samples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert samples
    for sample in samples:
        exec(compile(sample, document, "exec"), vars(module))
    return module


def test_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    parcel = SimpleNamespace(number="1Z1")
    carrier = SimpleNamespace(book=lambda order_id, key: parcel)
    module_of("workers/python/README.md", monkeypatch, carrier=carrier).test_books_a_parcel()


def test_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    def ship(order_id: int) -> str:
        return f"1Z{order_id}"

    stand_ins = {"ship": ship, "payment": {}, "import_some": lambda row: row + 4, "reserve": lambda items, found: items}
    module = module_of("docs/guides/worker-python.md", monkeypatch, **stand_ins)
    imported = run_handler(module.import_rows, config={"rows": 10}, cursor={"row": 1})
    assert imported.output == {"rows": 13}
    assert imported.checkpoints == [{"row": 5}, {"row": 9}, {"row": 13}]
