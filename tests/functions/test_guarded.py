"""The functions as the local stack serves them: events come from programs on this machine, and from no page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.stack import GUARDED
from shared.core.events.envelopes import format_image_event
from tests.browser_requests import Sent, from_pages, from_programs
from tests.functions import pushes

if TYPE_CHECKING:
    from tests.rig import Rig

PORT = 8080


@pytest.fixture
def guarded(rig: Rig, client: Any) -> Any:
    """The worker `caption`, made of the file that the stack names."""
    assert rig.model.requests == []
    return client("caption", str(GUARDED))


def status_of(guarded: Any, rig: Rig, sent: Sent) -> int:
    headers = {"Content-Type": "application/json", **sent.headers}
    body = json.dumps(pushes.push_body(format_image_event(rig.upload(f"{id(sent)}.jpg", task="caption")).data))
    found: int = guarded.open("/", method=sent.method, headers=headers, data=body).status_code
    return found


def test_no_page_can_post_an_event(guarded: Any, rig: Rig) -> None:
    family = [sent for sent in from_pages(PORT) if sent.method == "POST" and sent.headers["Host"]]
    let_in = [str(sent) for sent in family if status_of(guarded, rig, sent) not in {403, 415}]

    assert len(family) > 50
    assert let_in == []
    assert rig.model.requests == []


def test_pubsub_on_this_machine_can(guarded: Any, rig: Rig) -> None:
    for at, sent in enumerate(
        each for each in from_programs(PORT) if each.headers.get("Content-Type") == "application/json"
    ):
        if sent.method == "POST":
            assert status_of(guarded, rig, sent) == pushes.OK, at

    assert rig.model.requests != []


def test_every_entry_point_stands_behind_the_guard(rig: Rig, client: Any) -> None:
    import main

    assert rig.model.requests == []
    sent = {"Host": "evil.test", "Content-Type": "application/json"}
    assert {
        name: client(name, str(GUARDED)).post("/", headers=sent, data="{}").status_code for name in main.__all__
    } == dict.fromkeys(main.__all__, 403)
