"""A manifest comes from a stranger: it names images and asks, and everything that is wrong with it is said at once."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import PermanentError
from shared.core.events.manifest import (
    Manifest,
    Permitted,
    StoredImage,
    WebImage,
    folder_of,
    is_manifest,
    parse_manifest,
)
from shared.core.gemini.limits import MAX_IMAGES_DEVELOPER
from tests.strategies import json_values

PERMITTED = Permitted(
    bucket="uploads",
    folder="trip/",
    buckets=("uploads", "archive"),
    origins=("https://images.example.com",),
    max_images=3,
)
WELL = {"schema": "uplook.manifest/1", "question": "Which is older?", "images": ["a.jpg", "gs://archive/b/c.png"]}


def _parse(**changes: Any) -> Manifest:
    document = {key: value for key, value in {**WELL, **changes}.items() if value is not None}
    return parse_manifest(json.dumps(document).encode(), PERMITTED)


def _problem(**changes: Any) -> str:
    with pytest.raises(PermanentError) as caught:
        _parse(**changes)
    assert caught.value.code == "bad_manifest"
    return caught.value.message


def test_a_manifest_asks_one_question_about_images_in_their_order() -> None:
    images = ["a.jpg", "gs://archive/b/c.png", "https://images.example.com/d.webp?size=2"]

    found = _parse(images=images, language="German")

    assert found == Manifest(
        "Which is older?",
        (
            StoredImage("uploads", "trip/a.jpg"),
            StoredImage("archive", "b/c.png"),
            WebImage("https://images.example.com/d.webp?size=2"),
        ),
        "German",
    )


def test_as_many_images_as_a_request_of_the_api_takes_may_be_named() -> None:
    permitted = replace(PERMITTED, max_images=MAX_IMAGES_DEVELOPER)
    names = [f"{number}.jpg" for number in range(3600)]

    def parse(images: list[str]) -> Manifest:
        return parse_manifest(json.dumps({**WELL, "images": images}).encode(), permitted)

    assert len(parse(names).images) == 3600
    with pytest.raises(PermanentError, match="1 to 3,600 images"):
        parse([*names, "one more.jpg"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": "uplook.manifest/2"}, "schema: expected 'uplook.manifest/1', found 'uplook.manifest/2'"),
        ({"schema": None}, "schema: expected"),
        ({"question": None}, "question: expected a text of 1 to 2,000 characters, found None"),
        ({"question": "  "}, "question: expected"),
        ({"question": "x" * 2001}, "found one of 2,001"),
        ({"language": 7}, "language: expected"),
        ({"model": "gemini-4-carbon"}, "'model' is not a field of a manifest"),
        ({"images": []}, "1 to 3 images (MAX_IMAGES_PER_QUESTION), found 0"),
        ({"images": ["a"] * 4}, "found 4"),
        ({"images": "a.jpg"}, "images: expected a list"),
        ({"images": [7]}, "images[0] 7: expected gs://BUCKET/NAME"),
        ({"images": ["gs://secrets/key.png"]}, "secrets is not an upload bucket"),
        ({"images": ["gs://archive"]}, "it names no object"),
        ({"images": ["gs://archive/folder/"]}, "it names no object"),
        ({"images": ["gs://archive/."]}, "it names no object"),
        ({"images": ["gs://archive/.."]}, "it names no object"),
        ({"images": ["gs://archive/a\nb"]}, "its name holds a line break"),
        ({"images": ["b.uplook.json"]}, "it is a manifest itself"),
        ({"images": ["https://evil.example/a"]}, "is not among the origins"),
        ({"images": ["http://images.example.com/a"]}, "is not among the origins"),
        ({"images": ["file:///etc/passwd"]}, "neither https:// nor gs://"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_expected(changes: dict[str, Any], said: str) -> None:
    assert said in _problem(**changes)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    message = _problem(question=None, images=["a.jpg", "gs://secrets/a", "https://evil.example/?key=hidden"])

    assert message.count(";") == 2
    assert "images[1]" in message
    assert "images[2]" in message
    assert "hidden" not in message


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b"[]", b'"text"', b"1" * 5000])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(PermanentError, match="cannot be used"):
        parse_manifest(data, PERMITTED)


@given(json_values)
def test_no_document_breaks_it(value: Any) -> None:
    for document in (value, {**WELL, "images": value}, {**WELL, "question": value}):
        with contextlib.suppress(PermanentError):
            assert parse_manifest(json.dumps(document).encode(), PERMITTED).images


@pytest.mark.parametrize("name", [".", ".."])
def test_beside_a_manifest_at_the_top_of_a_bucket_the_bucket_itself_is_no_image(name: str) -> None:
    with pytest.raises(PermanentError, match="it names no object"):
        parse_manifest(json.dumps({**WELL, "images": [name]}).encode(), replace(PERMITTED, folder=""))


@given(st.text(max_size=30))
def test_a_name_beside_the_manifest_never_leaves_its_bucket(name: str) -> None:
    try:
        found = parse_manifest(json.dumps({**WELL, "images": [name]}).encode(), PERMITTED)
    except PermanentError:
        return
    assert isinstance(found.images[0], StoredImage)
    assert found.images[0].bucket in PERMITTED.buckets


def test_a_manifest_is_known_by_its_name() -> None:
    assert is_manifest("trip/which.uplook.json")
    assert not is_manifest("trip/which.json")
    assert (folder_of("trip/which.uplook.json"), folder_of("which.uplook.json")) == ("trip/", "")
