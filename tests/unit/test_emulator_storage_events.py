from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from google.api_core.exceptions import NotFound
from hypothesis import given
from hypothesis import strategies as st

from infra.emulators.storage import publisher
from infra.emulators.storage.events import Change, Message, cloud_event, header_value, messages
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


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("objects/a.jpg", "objects/a.jpg"),
        ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),  # the example of the specification
        ('"%"', "%22%25%22"),
        ("\t\x7f", "%09%7F"),
        ("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ],
)
def test_a_value_is_encoded_as_the_cloud_events_http_binding_says(text: str, header: str) -> None:
    assert header_value(text) == header


@given(st.text())
def test_an_encoded_value_is_a_legal_header_and_decodes_to_the_text(text: str) -> None:
    encoded = header_value(text)
    assert all(0x21 <= ord(char) <= 0x7E and char != '"' for char in encoded)
    assert unquote(encoded) == text


def test_a_subject_too_long_for_pubsub_is_left_to_the_data() -> None:
    fits = cloud_event("t", Change("OBJECT_FINALIZE", version("x" * 1016)), event_id="1")
    exceeds = cloud_event("t", Change("OBJECT_FINALIZE", version("ü" * 200)), event_id="1")
    assert fits.attributes["ce-subject"] == "objects/" + "x" * 1016
    assert "ce-subject" not in exceeds.attributes
    assert b'"name": "\\u00fc' in exceeds.data


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
    assert sent[0].attributes["ce-id"] != sent[1].attributes["ce-id"]
    assert [message.data == b"" for message in sent[2:]] == [False, True]


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
