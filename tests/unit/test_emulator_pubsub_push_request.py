from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.emulators.pubsub.models import Message, proto
from infra.emulators.pubsub.push_request import ACKS, attribute_headers, header_value, push_request

SUBSCRIPTION = "projects/local-dev/subscriptions/worker"
MESSAGE = Message("17", b"\x00\xff", {"task": "caption"}, "", 1_614_366_835_749_512)
PUBLISHED = "2021-02-26T19:13:55.749Z"
METADATA = {
    "x-goog-pubsub-subscription-name": SUBSCRIPTION,
    "x-goog-pubsub-message-id": "17",
    "x-goog-pubsub-publish-time": PUBLISHED,
}


def config(push: dict[str, Any] | None = None, **settings: Any) -> Any:
    push_config = {"push_endpoint": "http://127.0.0.1:1/x"} | (push or {})
    return proto("Subscription")(name=SUBSCRIPTION, push_config=push_config, **settings)


def headers_of(push: dict[str, Any], message: Message = MESSAGE) -> dict[str, str]:
    return dict(push_request(config(push), message, attempt=1, now_s=0).headers)


def test_a_wrapped_push_is_the_documented_json() -> None:
    request = push_request(config(), MESSAGE, attempt=3, now_s=0)
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "message": {
            "attributes": {"task": "caption"},
            "data": "AP8=",
            "messageId": "17",
            "message_id": "17",
            "publishTime": PUBLISHED,
            "publish_time": PUBLISHED,
        },
        "subscription": SUBSCRIPTION,
    }


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        (Message("1", b"", {"a": "b"}, "", 0), {"data"}),
        (Message("1", b"x", {}, "", 0), {"attributes"}),
        (Message("1", b"", {}, "", 0), {"data", "attributes"}),
    ],
)
def test_what_is_empty_is_left_out(message: Message, missing: set[str]) -> None:
    """GoogleCloudPlatform/functions-framework-nodejs#782, functions-framework-python#170."""
    told = json.loads(push_request(config(), message, attempt=1, now_s=0).body)["message"]
    assert {"data", "attributes"} - told.keys() == missing


def test_the_ordering_key_is_told() -> None:
    message = Message("1", b"x", {}, "key", 0)
    assert json.loads(push_request(config(), message, attempt=1, now_s=0).body)["message"]["orderingKey"] == "key"


def test_the_attempt_is_told_where_there_is_a_dead_letter_policy() -> None:
    policy = {"dead_letter_topic": "projects/local-dev/topics/dead"}
    request = push_request(config(dead_letter_policy=policy), MESSAGE, attempt=3, now_s=0)
    assert json.loads(request.body)["deliveryAttempt"] == 3


def test_an_unwrapped_push_without_metadata_is_the_bare_data() -> None:
    request = push_request(config({"no_wrapper": {}}), MESSAGE, attempt=1, now_s=0)
    assert request.body == b"\x00\xff"
    assert request.headers == {"user-agent": "CloudPubSub-Google", "content-type": "application/octet-stream"}


def test_metadata_and_attributes_of_an_unwrapped_push_are_headers() -> None:
    assert headers_of({"no_wrapper": {"write_metadata": True}}) == METADATA | {
        "user-agent": "CloudPubSub-Google",
        "content-type": "application/octet-stream",
        "task": "caption",
    }


def test_the_ordering_key_of_an_unwrapped_push_is_a_header() -> None:
    message = Message("1", b"x", {}, "key", 0)
    headers = headers_of({"no_wrapper": {"write_metadata": True}}, message)
    assert headers["x-goog-pubsub-ordering-key"] == "key"


def test_a_content_type_attribute_wins_whatever_its_case() -> None:
    message = Message("1", b"{}", {"Content-Type": "application/json"}, "", 0)
    assert headers_of({"no_wrapper": {"write_metadata": True}}, message)["content-type"] == "application/json"


def test_an_attribute_cannot_replace_the_metadata() -> None:
    message = Message("17", b"x", {"X-Goog-Pubsub-Message-Id": "forged"}, "", 0)
    assert headers_of({"no_wrapper": {"write_metadata": True}}, message)["x-goog-pubsub-message-id"] == "17"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain value", "plain value"),
        ("50%", "50%"),
        ("ü", "%C3%BC"),
        ("a\r\nb: c", "a%0D%0Ab: c"),
        (" padded\t", "%20padded%09"),
        ("😀", "%F0%9F%98%80"),
        ("", ""),
    ],
)
def test_what_no_header_may_hold_is_percent_encoded(value: str, expected: str) -> None:
    assert attribute_headers({"ce-subject": value}) == {"ce-subject": expected}


@pytest.mark.parametrize("key", ["a b", "ü", "a:b", "a\n", "", "Host", "content-length", "Transfer-Encoding"])
def test_an_attribute_that_cannot_be_a_header_is_left_out(key: str) -> None:
    assert attribute_headers({key: "x", "kept": "y"}) == {"kept": "y"}


def test_a_token_names_account_and_audience_and_has_no_signature() -> None:
    oidc = {"service_account_email": "push@local-dev.iam.gserviceaccount.com", "audience": "worker"}
    request = push_request(config({"oidc_token": oidc}), MESSAGE, attempt=1, now_s=1000.5)
    scheme, token = request.headers["authorization"].split(" ")
    header, claims, signature = token.split(".")
    assert (scheme, signature, _decoded(header)["alg"]) == ("Bearer", "", "none")
    assert _decoded(claims) == {
        "iss": "https://accounts.google.com",
        "aud": "worker",
        "sub": "push@local-dev.iam.gserviceaccount.com",
        "email": "push@local-dev.iam.gserviceaccount.com",
        "email_verified": True,
        "iat": 1000,
        "exp": 4600,
    }


def test_the_audience_is_the_endpoint_unless_named() -> None:
    oidc = {"service_account_email": "a@b"}
    token = headers_of({"oidc_token": oidc})["authorization"].split(" ")[1]
    assert _decoded(token.split(".")[1])["aud"] == "http://127.0.0.1:1/x"


def test_exactly_these_answers_acknowledge() -> None:
    assert {102, 200, 201, 202, 204} == ACKS


def _decoded(segment: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return decoded


# Eventarc: a bucket's notification becomes a CloudEvent on its way

EVENTARC = {"push_endpoint": "http://127.0.0.1:1/?__GCP_CloudEventsMode=GCS_NOTIFICATION"}
NOTIFIED = {"eventType": "OBJECT_FINALIZE", "payloadFormat": "JSON_API_V1", "bucketId": "uploads"}


def _notification(name: str, event: str = "OBJECT_FINALIZE") -> Message:
    return Message("17", b'{"name": "x"}', NOTIFIED | {"objectId": name, "eventType": event}, "", MESSAGE.published_us)


def test_a_storage_triggers_endpoint_is_sent_the_notification_as_a_binary_cloud_event() -> None:
    request = push_request(config(EVENTARC), _notification('katze "ä".jpg'), attempt=1, now_s=0)
    assert request.body == b'{"name": "x"}'
    assert request.url.endswith("/?__GCP_CloudEventsMode=GCS_NOTIFICATION")
    assert request.headers == {
        "user-agent": "CloudPubSub-Google",
        "content-type": "application/json",
        "ce-id": "17",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/uploads",
        "ce-subject": "objects/katze%20%22%C3%A4%22.jpg",
        "ce-time": PUBLISHED,
        "ce-bucket": "uploads",
    }


@pytest.mark.parametrize(
    ("event", "kind"),
    [("OBJECT_DELETE", "deleted"), ("OBJECT_ARCHIVE", "archived"), ("OBJECT_METADATA_UPDATE", "metadataUpdated")],
)
def test_each_event_type_has_its_cloud_event_type(event: str, kind: str) -> None:
    assert headers_of(EVENTARC, _notification("o", event))["ce-type"] == f"google.cloud.storage.object.v1.{kind}"


@pytest.mark.parametrize(
    ("push", "message"),
    [
        (EVENTARC, MESSAGE),
        ({"push_endpoint": "http://127.0.0.1:1/?__GCP_CloudEventsMode=OTHER"}, _notification("o")),
        ({}, _notification("o")),
    ],
)
def test_any_other_push_stays_what_it_was(push: dict[str, Any], message: Message) -> None:
    assert json.loads(push_request(config(push), message, attempt=1, now_s=0).body)["message"]["messageId"] == "17"


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
