from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from infra.local.viewer.wishes import read_object, read_upload
from infra.viewer.catalog import Query
from infra.viewer.errors import ApiError
from infra.viewer.requests import MAX_IMAGES, Window, read_key, read_window

AWKWARD = ["a b.png", "Käffchen ☕.jpg", "100%.png", "%2F.png", "a#1?.png", "a/../b", "a//b", "/a", "a/", "+&=;", "\t"]


@pytest.mark.parametrize("name", AWKWARD)
def test_an_upload_keeps_its_name(name: str) -> None:
    assert read_upload(f"name={quote(name, safe='')}".encode()).name == name


@pytest.mark.parametrize(
    "query", [b"", b"name=", b"name=.", b"name=..", b"name=a%0Ab", b"name=%FF", b"name=" + b"a" * 1025]
)
def test_a_name_that_cloud_storage_refuses_is_refused_at_once(query: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        read_upload(query)
    assert refused.value.status == 400


def test_a_name_may_have_1024_bytes() -> None:
    assert len(read_upload(b"name=" + b"%C3%BC" * 512).name) == 512


def wishes(**said: str) -> dict[str, str]:
    return dict(read_upload(urlencode({"name": "a.png", **said}).encode()).metadata)


def test_what_is_asked_of_an_upload_travels_in_its_metadata() -> None:
    found = wishes(question=" What is it? ", tasks="caption,ask", labels="cat , dog,,")
    assert found == {"uplook-question": "What is it?", "uplook-tasks": "caption,ask", "uplook-labels": "cat, dog"}


def test_an_upload_that_asks_for_nothing_has_no_metadata() -> None:
    assert wishes(question="  ", tasks="", labels=" , ") == {}


@pytest.mark.parametrize("said", [{"tasks": "caption,dance"}, {"question": "?" * 2001}, {"labels": "a" * 4001}])
def test_what_no_metadata_can_hold_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(ApiError, match="Expected") as refused:
        wishes(**said)
    assert refused.value.status == 400


def test_a_window_says_which_images_and_how_many() -> None:
    query = urlencode({"q": "Cat", "state": "failed", "task": "detect", "label": "dog", "offset": 60, "limit": 30})
    assert read_window(query.encode()) == Window(Query("Cat", "failed", "detect", "dog"), 60, 30, "")
    assert read_window(b"") == Window(Query(), 0, 60, "")
    assert read_window(b"limit=100000").limit == MAX_IMAGES


@pytest.mark.parametrize("query", [b"state=odd", b"offset=-1", b"limit=x", b"offset=%D9%A7", b"offset=99999999999"])
def test_a_window_that_makes_no_sense_is_refused(query: bytes) -> None:
    with pytest.raises(ApiError, match="Expected"):
        read_window(query)


def test_a_key_is_needed() -> None:
    assert read_key(b"key=7%2Fv1%2Fb%2Fa") == "7/v1/b/a"
    with pytest.raises(ApiError, match="key of an image"):
        read_key(b"")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"action": 1}', b"\xff"])
def test_a_body_that_is_no_object_of_texts_is_refused(body: bytes) -> None:
    assert read_object(b'{"action": "delete", "more": 1}', "action") == {"action": "delete"}
    with pytest.raises(ApiError):
        read_object(body, "action")
