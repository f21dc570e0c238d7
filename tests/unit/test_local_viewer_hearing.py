"""What the viewer makes of messages, and of what the functions write down: its history, and changes of its catalog."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.local.activity import ANSWERED, DELIVERED, Activity
from infra.local.viewer.hearing import Hearing
from infra.local.viewer.listener import Heard
from infra.viewer.catalog import Catalog, Query
from infra.viewer.feed import Feed
from infra.viewer.history import Entry, History
from infra.viewer.names import Address
from infra.viewer.story import in_order
from shared.core.events.envelopes import ImageEvent, format_image_event
from shared.core.operating.story import Happening
from shared.core.values import Source, TaskSettings

AT = "2026-11-29T10:00:00.000Z"
SOURCE = Address("uploads", "a.png", 7)
RESOURCE = json.dumps({"bucket": "uploads", "name": "a.png", "generation": "7"}).encode()
EVENT = ImageEvent(
    Source("uploads", "a.png", 7), "caption", TaskSettings("gemini-3.8-flash", "p", "low", 25, 1000), "v1"
)


class Told(Feed):
    """A feed that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Any]] = []

    def send(self, event: str, data: Any) -> None:
        self.messages.append((event, data))

    def kinds(self) -> list[str]:
        return [event for event, _ in self.messages]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def hearing(told: Told) -> Hearing:
    return Hearing(Catalog(), History(), None, told)  # type: ignore[arg-type]


def states(hearing: Hearing) -> list[tuple[str, bool]]:
    return [(each.state, each.stored) for each in hearing.catalog.page(Query(), offset=0, limit=9).records]


def test_storage_events_make_and_unmake_images(hearing: Hearing, told: Told) -> None:
    hearing.stored(Heard(RESOURCE, {"eventType": "OBJECT_FINALIZE"}, "1", AT))
    assert states(hearing) == [("unplanned", True)]
    hearing.stored(Heard(RESOURCE, {"eventType": "OBJECT_METADATA_UPDATE"}, "2", AT))
    assert states(hearing) == [("unplanned", True)]
    hearing.stored(Heard(RESOURCE, {"eventType": "OBJECT_DELETE"}, "3", AT))
    assert states(hearing) == []
    assert [each.kind for each in hearing.history.latest(9)] == ["uploaded", "deleted"]
    assert told.kinds().count("changed") == 3


def test_an_image_event_makes_its_tasks_wait(hearing: Hearing) -> None:
    hearing.planned(Heard(format_image_event(EVENT).data, at=AT))
    assert states(hearing) == [("waiting", False)]
    (entry,) = hearing.history.of(SOURCE)
    assert (entry.kind, entry.text, entry.listed) == ("planned", "planned: caption in run v1", True)


def test_a_dead_letter_is_told_with_who_gave_it_up(hearing: Hearing) -> None:
    attributes = {"CloudPubSubDeadLetterSourceSubscription": "projects/p/subscriptions/caption"}
    hearing.died(Heard(format_image_event(EVENT).data, attributes, at=AT))
    (entry,) = hearing.history.of(SOURCE)
    assert (entry.kind, entry.text.partition(" ")[0], entry.status) == ("dead_letter", "caption", "failed")


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b'{"source": 1}'])
def test_what_cannot_be_read_is_told_and_nothing_else_happens(hearing: Hearing, told: Told, data: bytes) -> None:
    for handle in hearing.handlers().values():
        handle(Heard(data, at=AT))
    problems = [message for kind, message in told.messages if kind == "problem"]
    assert len(problems) >= 4
    assert states(hearing) == []


def activity(what: str, function: str = "caption", *, about: bool = True, **details: Any) -> Activity:
    place = ("uploads", "a.png", "7") if about else ("uploads", "a.png", "")
    return Activity(AT, function, what, *place, details)


def test_what_ingest_leaves_out_is_known_with_its_reason(hearing: Hearing, told: Told) -> None:
    hearing.catalog.uploaded(SOURCE)
    hearing.acted([activity("left out", "ingest", reason="a rule excludes it")])
    (record,) = hearing.catalog.page(Query(), offset=0, limit=9).records
    assert (record.left_out, told.kinds()) == ("a rule excludes it", ["changed"])


def test_what_a_worker_logs_belongs_to_the_image_that_its_message_brought(hearing: Hearing) -> None:
    lines = [
        activity(DELIVERED, event="5", delivery=2, task="caption", run="v1"),
        activity("asking", about=False, event="5", task="caption", attempt="0123456789"),
        activity("a call failed and is tried again", about=False, event="5", reason="429", severity="WARNING"),
        activity("asking", about=False, event="another"),
        activity(ANSWERED, event="5", status=503),
        activity(ANSWERED, event="5", status=204),
    ]
    hearing.acted(lines)
    assert [(each.kind, each.text) for each in hearing.history.of(SOURCE)] == [
        ("delivered", "delivered to caption, for the 2nd time (message 5)"),
        ("worked", "caption: the model is asked (attempt 01234567)"),
        ("warned", "caption: a call failed and is tried again: 429"),
        ("refused", "caption answered 503: to be delivered again"),
        ("acknowledged", "caption answered 204: acknowledged"),
    ]


def test_a_story_is_in_order_and_tells_each_thing_once() -> None:
    heard = [
        Entry("2026-11-29T10:00:05.000Z", "announced", SOURCE, "result event: ok"),
        Entry("2026-11-29T10:00:04.900Z", "worked", SOURCE, "caption: committed", details={"what": "committed"}),
        Entry("2026-11-29T10:00:01.500Z", "planned", SOURCE, "planned"),
        Entry("2026-11-29T10:00:01.250Z", "uploaded", SOURCE, "uploaded"),
    ]
    price = "local-vision answered: 1 + 1 + 0 tokens for 0.000100 dollars; sent inline"
    known = [
        Happening("2026-11-29T10:00:02Z", "uploaded", "uploaded: 9 bytes", details={"generation": "7"}),
        Happening("2026-11-29T09:00:00Z", "uploaded", "an older one", details={"generation": "6"}),
        Happening("2026-11-29T10:00:04Z", "answered", price, "v1", "caption", 0.0001, {"model": "local-vision"}),
        Happening("2026-11-29T10:00:04", "result", "ok", "v1", "caption"),
    ]
    told = in_order(heard, known, generation="7")
    assert [each["kind"] for each in told] == ["uploaded", "planned", "answered", "result", "announced"]
    assert told[0]["at"] == "2026-11-29T10:00:01.250Z"
    assert "for nothing (a model would have taken about 0.000100 dollars)" in told[2]["text"]


def test_the_history_keeps_the_latest_and_all_of_one_image() -> None:
    history = History()
    for number in range(700):
        history.add(Entry(AT, "planned", SOURCE, str(number), listed=True))
    assert [each.text for each in history.latest(2)] == ["698", "699"]
    assert len(history.of(SOURCE)) == 500
    assert history.of(Address("uploads", "other", 1)) == []
