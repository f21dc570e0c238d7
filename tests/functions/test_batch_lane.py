"""An upload whose rules say that it may wait, through all entry points: ingest, the worker, and the tick."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared import bootstrap
from shared.core import jsontext
from shared.core.events.envelopes import BATCH_LANE, parse_image_event
from shared.core.planning.rules import parse_rules
from tests.batch_rig import BatchRig
from tests.functions.pushes import OK, push, push_body, storage_event
from tests.rig import UPLOADS, WORK, picture

RULES = """
[defaults]
tasks = ["caption"]
[[rules]]
prefix = "archive/"
lane = "batch"
"""


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> BatchRig:
    """Memory adapters in place of what bootstrap would build, with BATCH=true."""
    found = BatchRig()
    monkeypatch.setattr(bootstrap, "settings", lambda: found.settings)
    monkeypatch.setattr(bootstrap, "rules", lambda: parse_rules(RULES))
    monkeypatch.setattr(bootstrap, "publisher", lambda: found.rig.publisher)
    monkeypatch.setattr(bootstrap, "ports", lambda: found.rig.ports)
    monkeypatch.setattr(bootstrap, "worker_ports", lambda: found.rig.ports)
    monkeypatch.setattr(bootstrap, "batch_ports", lambda: found.ticks)
    return found


def _uploaded(batches: BatchRig, name: str) -> dict[str, Any]:
    data = picture()
    generation = batches.rig.store.create(UPLOADS, name, data, content_type="image/jpeg")
    return storage_event(name=name, generation=str(generation), size=str(len(data)), crc32c=jsontext.crc32c(data))


def test_a_rule_that_lets_uploads_wait_reaches_the_event_the_worker_and_the_tick(
    batches: BatchRig, client: Any
) -> None:
    assert client("ingest").post("/", **_uploaded(batches, "archive/cat.jpg")).status_code == OK
    (event,) = batches.published()
    assert event.lane == BATCH_LANE

    assert push(client("caption"), event) == OK
    line = batches.line(event)
    assert line is not None
    assert line["state"] == "waiting"
    assert [each["error"] for each in batches.rig.result_events()] == ["batch"]

    tick = push_body(b"{}")
    path = "/projects/local-dev/topics/release"
    assert client("release").post(path, json=tick).status_code == OK
    batches.finish()
    assert client("release").post(path, json=tick).status_code == OK
    (again,) = batches.published()
    assert again == event
    assert push(client("caption"), again) == OK

    assert batches.rig.document(event)["usage"]["tier"] == "batch"
    assert (batches.rig.model.requests, batches.left()) == ([], [])


def test_an_upload_of_another_folder_is_asked_about_at_once(batches: BatchRig, client: Any) -> None:
    assert client("ingest").post("/", **_uploaded(batches, "cat.jpg")).status_code == OK
    (message,) = batches.rig.publisher.messages[batches.settings.image_topic]
    assert "lane" not in json.loads(message.data)

    assert push(client("caption"), parse_image_event(message.data)) == OK

    assert len(batches.rig.model.requests) == 1
    assert batches.rig.store.list_names(WORK, "batches/") == []
