"""Every vector of `protocol/vectors`: those for workers are read, those for orchestrators are written, where a worker can."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasker_worker.codec import json_text
from tasker_worker.codec.batch import Batch
from tasker_worker.codec.control import decode
from tasker_worker.codec.frame import read_frame
from tasker_worker.codec.limits import Limits
from tasker_worker.codec.outgoing import Cursor, Heartbeat, Hello, JsonEncoder, MessagePackEncoder, Result, encode_hello
from tasker_worker.codec.protocol_error import ProtocolError

VECTORS = Path(__file__).parents[5] / "protocol" / "vectors"
# What a receiver finds wrong with a frame before it looks at the members.
FRAME_CODES = {"too_large", "invalid_utf8", "too_deep", "invalid_json", "invalid_msgpack"}


def vectors(kind: str, which: Callable[[dict[str, Any]], bool] = lambda vector: True) -> list[Any]:
    files = sorted((VECTORS / kind).glob("*.json"))
    read = [(file.stem, json.loads(file.read_text())) for file in files]
    chosen = [pytest.param(vector, id=f"{kind}/{name}") for name, vector in read if which(vector)]
    assert len(chosen) > 5
    return chosen


def frame_of(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["frame_base64"]) if "frame_base64" in vector else str(vector["frame"]).encode()


def max_bytes_of(vector: dict[str, Any]) -> int:
    limit: int = vector.get("limits", {}).get("message_bytes", Limits().max_message_bytes)
    return limit


def is_of_the_frame(vector: dict[str, Any]) -> bool:
    """Whether the frame itself is refused, whoever receives it, and not a member or an item of it."""
    expected = vector["expected"]
    return expected["code"] in FRAME_CODES and expected["path"] == "" and not expected.get("item")


def is_for_workers(vector: dict[str, Any]) -> bool:
    return bool(vector["side"] == "worker")


@pytest.mark.parametrize("vector", vectors("accept"))
def test_accept(vector: dict[str, Any]) -> None:
    frame = frame_of(vector)
    for text in vector.get("raw", {}).values():
        comes_back(text)
    if b"1e400" in frame:
        return
    if vector["side"] == "worker":
        message = decode(frame)
        if isinstance(message, Batch):
            assert message.refused == []
            assert message.steps
        if "equals" in vector:
            other = json.loads((VECTORS / "accept" / vector["equals"]).read_text())
            assert message == decode(frame_of(other))
    else:
        said = read_frame(frame)
        written = write_again(said.value, said.is_packed)
        if written is not None:
            assert as_json(read_frame(written).value) == as_json(relevant(said.value, said.is_packed))


def comes_back(text: str) -> None:
    value = json_text.parse(text)
    if "1e400" in text:
        # Beyond a double: a handler that returns it fails visibly, instead of returning something else.
        with pytest.raises(ValueError, match="not JSON"):
            json_text.write(value)
        return
    assert json_text.parse(json_text.write(value)) == value
    assert set(integers(json_text.write(value))) <= set(integers(text))


@pytest.mark.parametrize("vector", vectors("reject", is_of_the_frame))
def test_reject_of_frames(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as raised:
        read_frame(frame_of(vector), max_bytes_of(vector))
    assert raised.value.code == vector["expected"]["code"]


@pytest.mark.parametrize("vector", vectors("reject", is_for_workers))
def test_reject_of_messages_for_workers(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    try:
        message = decode(frame_of(vector), max_bytes_of(vector))
        assert isinstance(message, Batch)
        [refused] = message.refused
        found, is_item = refused.error, True
    except ProtocolError as error:
        found, is_item = error, False
    assert (found.code, found.path, is_item) == (expected["code"], expected["path"], expected.get("item", False))


def write_again(value: dict[str, Any], is_packed: bool) -> bytes | None:
    """The same message, made by this worker's encoder; None when a worker of 2.0 does not say such things."""
    encoder = MessagePackEncoder() if is_packed else JsonEncoder()
    text = payload_text if is_packed else json_text.write
    if value.get("protocol_version") != "2.0":
        return None
    session = value["session"]
    match value.get("type"):
        case "hello":
            names = ("session", "worker_id", "version", "pool", "handlers", "capacity", "leases", "outbox")
            if not all(name in value for name in names) or value.get("language") != "python":
                return None
            return encode_hello(Hello(*[value[name] for name in names]), value["codecs"])
        case "heartbeat":
            progress = [(one["lease_id"], text(one["progress"])) for one in value.get("progress") or []]
            cursors = [
                Cursor(one["lease_id"], one["seq"], text(one.get("cursor"))) for one in value.get("checkpoints") or []
            ]
            head = {name: value[name] for name in ("session", "epoch", "last_seq", "leases", "capacity")}
            return encoder.heartbeat(Heartbeat(**head, progress=progress, cursors=cursors))
        case "reject":
            return encoder.reject(session, value["lease_ids"], value["reason"])
        case "bye":
            return encoder.bye(session, value["last_seq"]) if "last_seq" in value else None
        case None:
            results = [result_of(value["batch_id"], item, text) for item in value["results"]]
            return encoder.results(session, value["batch_id"], results)
    return None


def payload_text(packed: str | None) -> str:
    """The JSON text of a payload in MessagePack; nothing counts as null, and white space around it is not part of it."""
    return "null" if packed is None else packed.strip(" \t\r\n")


def result_of(batch_id: str, item: dict[str, Any], text: Any) -> Result:
    metadata = item["metadata"]
    error = item.get("error")
    failed = item["status"] != "completed"
    return Result(
        lease_id=metadata["lease_id"],
        batch_id=batch_id,
        step_id=int(item["step_id"]),
        attempt=int(metadata.get("attempt", 1)),
        completed=not failed,
        output=text(item.get("output")),
        error=text(error),
        error_code=None,
        retryable=metadata.get("retryable"),
        retry_after_ms=metadata.get("retry_after_ms"),
        execution_time_ms=whole(metadata.get("execution_time_ms", 0)),
        handler_version=metadata.get("handler_version"),
    )


def relevant(value: dict[str, Any], is_packed: bool) -> dict[str, Any]:
    """What a worker of this SDK would have said: without members that it does not know, with those that it always gives."""
    known = {
        "type",
        "protocol_version",
        "session",
        "epoch",
        "last_seq",
        "leases",
        "capacity",
        "progress",
        "checkpoints",
    }
    known |= {"batch_id", "results", "lease_ids", "reason"}
    message = {name: item for name, item in value.items() if name in known}
    if value.get("type") == "heartbeat":
        cursors = [{"cursor": None, **one} for one in value.get("checkpoints") or []]
        message = {**message, "progress": value.get("progress") or [], "checkpoints": cursors}
    if "results" in message:
        message["results"] = [relevant_result(item, is_packed) for item in message["results"]]
    return message


def relevant_result(item: dict[str, Any], is_packed: bool) -> dict[str, Any]:
    known = ("execution_time_ms", "lease_id", "attempt", "handler_version", "retryable", "retry_after_ms")
    metadata = {"execution_time_ms": 0, "attempt": 1, **item["metadata"]}
    return {
        "step_id": int(item["step_id"]),
        "status": "completed" if item["status"] == "completed" else "failed",
        "output": payload_text(item.get("output")) if is_packed else item.get("output"),
        "error": payload_text(item.get("error")) if is_packed else item.get("error"),
        "metadata": {name: whole(metadata[name]) for name in known if name in metadata},
    }


def whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def integers(text: str) -> list[str]:
    """The integers of a JSON text, digit by digit, in order."""
    found: list[str] = []
    json.loads(text, parse_int=lambda digits: found.append(digits))
    return found
