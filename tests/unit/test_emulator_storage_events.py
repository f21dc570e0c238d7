from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import NotFound

from infra.emulators.storage import publisher
from infra.emulators.storage.events import Change, Message, messages
from infra.emulators.storage.models import Bucket, Version
from infra.emulators.storage.payload import Payload


def version(name: str) -> Version:
    return Version(
        bucket="uploads",
        name=name,
        generation=7,
        metageneration=1,
        payload=Payload(0, "m", "c", b""),
        origin="http://127.0.0.1:1",
        fields={},
        system={},
    )


def test_each_topic_and_each_matching_configuration_gets_a_message() -> None:
    bucket = Bucket({"name": "uploads"})
    common = {"topic": "//pubsub.googleapis.com/projects/p/topics/n", "payload_format": "JSON_API_V1"}
    bucket.notifications = {
        "1": {"id": "1", **common, "event_types": ["OBJECT_FINALIZE"]},
        "2": {"id": "2", **common, "event_types": ["OBJECT_DELETE"]},
        "3": {"id": "3", **common, "object_name_prefix": "other/"},
        "4": {"id": "4", **common, "object_name_prefix": "in/", "payload_format": "NONE"},
    }
    sent = messages(bucket, Change("OBJECT_FINALIZE", version("in/a")), ["e1", "e2"])
    topics = [message.topic for message in sent]
    assert topics == ["e1", "e2", "projects/p/topics/n", "projects/p/topics/n"]
    assert {message.attributes["payloadFormat"] for message in sent[:3]} == {"JSON_API_V1"}
    assert [message.data == b"" for message in sent] == [False, False, False, True]


class Refusing:
    """A Pub/Sub client that refuses so many times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.calls: list[Any] = []

    def publish(self, **request: Any) -> None:
        self.calls.append(request)
        if len(self.calls) <= self.refusals:
            raise NotFound("no such topic")


@pytest.fixture
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "FIRST_DELAY_S", 0)


@pytest.mark.usefixtures("_no_delay")
@pytest.mark.parametrize(("refusals", "calls", "lost"), [(0, 1, False), (3, 4, False), (99, 6, True)])
def test_publishing_is_tried_again_but_not_for_ever(
    capsys: pytest.CaptureFixture[str], refusals: int, calls: int, lost: bool
) -> None:
    client = Refusing(refusals)
    publisher._send(client, "t", [Message("t", {"a": "b"}, b"x"), Message("t", {}, b"y")])
    assert len(client.calls) == calls
    assert client.calls[-1]["messages"] == [{"attributes": {"a": "b"}, "data": b"x"}, {"attributes": {}, "data": b"y"}]
    assert ("2 events are lost" in capsys.readouterr().err) is lost
