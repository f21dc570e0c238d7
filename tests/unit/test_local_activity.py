from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.activity import ANSWERED, DELIVERED, Activity, Tail, append, of_push, of_record
from shared.core.events.envelopes import AskPart, ImageEvent, format_image_event
from shared.core.values import Source, TaskSettings

AT = "2026-11-29T10:00:00.000Z"
SETTINGS = TaskSettings("gemini-3.8-flash", "p", "low", 25, 1000)
EVENT = ImageEvent(
    Source("uploads", "ü.png", 7),
    "segment",
    SETTINGS,
    "v1",
    0,
    (AskPart("segment", SETTINGS), AskPart("detect", SETTINGS)),
)


def push(data: bytes, **more: Any) -> bytes:
    message = {"data": base64.b64encode(data).decode(), "messageId": "12", "attributes": {}}
    return json.dumps({"message": message, "subscription": "s", **more}).encode()


def test_a_pushed_message_says_which_delivery_of_which_image_it_is() -> None:
    found = of_push("segment", AT, {}, push(format_image_event(EVENT).data, deliveryAttempt=2))
    details = {"event": "12", "delivery": 2, "task": "segment+detect", "run": "v1"}
    assert found == Activity(AT, "segment", DELIVERED, "uploads", "ü.png", "7", details)


def test_a_storage_event_says_which_upload_it_is_about() -> None:
    body = json.dumps({"bucket": "uploads", "name": "a.png", "generation": "7"}).encode()
    found = of_push("ingest", AT, {"ce-id": "5"}, body)
    assert found == Activity(AT, "ingest", DELIVERED, "uploads", "a.png", "7", {"event": "5", "delivery": None})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"not JSON", push(b"tick"), b'{"message": {"data": "!"}}', b'{"message": 1}']
)
def test_what_is_about_no_image_is_no_delivery(body: bytes) -> None:
    assert of_push("release", AT, {}, body) is None


def test_a_line_of_the_log_keeps_what_it_is_about_apart() -> None:
    line = {
        "message": "planned",
        "severity": "INFO",
        "bucket": "uploads",
        "object": "a",
        "generation": "7",
        "tasks": ["x"],
    }
    found = of_record("ingest", AT, line)
    assert found == Activity(AT, "ingest", "planned", "uploads", "a", "7", {"severity": "INFO", "tasks": ["x"]})


def test_a_file_is_read_on_from_where_one_stopped_and_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "activity"
    tail = Tail(path)
    assert list(tail.read()) == []
    for what in (DELIVERED, ANSWERED):
        append(path, Activity(AT, "detect", what))
    assert [each.what for each in tail.read()] == [DELIVERED, ANSWERED]
    append(path, Activity(AT, "detect", "asking"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert list(tail.read()) == []
    path.write_bytes(whole)
    assert [each.what for each in tail.read()] == ["asking"]
