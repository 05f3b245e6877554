import os
import re
from typing import Any

import pytest

from tasker_worker.settings import Endpoints, read_settings

ENV = {"TASKER_STEPS_ENDPOINT": "ipc:///tmp/s", "TASKER_RESULTS_ENDPOINT": "tcp://127.0.0.1:5556"}


def test_settings_come_from_the_environment() -> None:
    variables = {"TASKER_WORKER_ID": "w1", "TASKER_POOL": "gpu", "TASKER_CONCURRENCY": "7", "TASKER_LOG_LEVEL": "debug"}
    variables["TASKER_CODEC"] = "msgpack"
    settings = read_settings(env={**ENV, **variables})
    assert settings.orchestrators == (Endpoints("ipc:///tmp/s", "tcp://127.0.0.1:5556"),)
    assert (settings.worker_id, settings.pool, settings.concurrency) == ("w1", "gpu", 7)
    assert settings.log.writes_debug
    assert settings.codecs == ("msgpack", "json")


def test_settings_of_the_program_win_over_the_environment() -> None:
    variables = {"TASKER_WORKER_ID": "w1", "TASKER_CONCURRENCY": "7"}
    settings = read_settings(worker_id="w2", concurrency=3, env={**ENV, **variables})
    assert (settings.worker_id, settings.concurrency) == ("w2", 3)


def test_settings_have_defaults_and_a_worker_id_that_no_other_process_has() -> None:
    settings = read_settings(env=ENV)
    assert (settings.pool, settings.concurrency, settings.log.writes_debug) == ("default", None, False)
    assert f"-{os.getpid()}-" in settings.worker_id
    assert read_settings(env=ENV).worker_id != settings.worker_id


def test_empty_variables_count_as_absent() -> None:
    empty = {"TASKER_POOL": "", "TASKER_CONCURRENCY": "", "TASKER_WORKER_ID": "", "TASKER_LOG_LEVEL": ""}
    settings = read_settings(env={**ENV, **empty})
    assert (settings.pool, settings.concurrency) == ("default", None)


def test_several_orchestrators_are_separated_by_commas() -> None:
    env = {"TASKER_STEPS_ENDPOINT": "ipc:///a, ipc:///b", "TASKER_RESULTS_ENDPOINT": "ipc:///c,ipc:///d"}
    assert read_settings(env=env).orchestrators == (
        Endpoints("ipc:///a", "ipc:///c"),
        Endpoints("ipc:///b", "ipc:///d"),
    )


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        ({}, {"TASKER_STEPS_ENDPOINT": ""}, "TASKER_STEPS_ENDPOINT is not set"),
        ({"results_endpoint": "localhost:5556"}, {}, "TASKER_RESULTS_ENDPOINT: expected ipc://PATH, tcp://HOST:PORT"),
        ({"steps_endpoint": ["ipc:///a", "ipc:///b"]}, {}, "names 2 orchestrators and TASKER_RESULTS_ENDPOINT 1"),
        ({"worker_id": "two words"}, {}, "TASKER_WORKER_ID: expected 1 to 128 letters, digits and ._:-"),
        ({}, {"TASKER_POOL": "-x"}, "TASKER_POOL: expected"),
        ({}, {"TASKER_CONCURRENCY": "many"}, "TASKER_CONCURRENCY: expected an integer, got 'many'"),
        ({"concurrency": 0}, {}, "TASKER_CONCURRENCY: expected an integer from 1 to 5000, got 0"),
        ({}, {"TASKER_CODEC": "xml"}, "TASKER_CODEC: expected json or msgpack, got 'xml'"),
        ({"processes": 0}, {}, "processes: expected an integer"),
        ({"drain_seconds": -1}, {}, "drain_seconds: expected seconds"),
        ({}, {"TASKER_LOG_LEVEL": "loud"}, "TASKER_LOG_LEVEL: expected one of debug, info, warn, error, silent"),
    ],
)
def test_a_setting_that_is_wrong_is_named(options: dict[str, Any], variables: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_settings(**options, env={**ENV, **variables})
