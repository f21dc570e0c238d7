from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.viewer.errors import ApiError
from infra.viewer.names import (
    OBJECTS,
    Address,
    object_url,
    read_object_url,
    shown_type,
    upload_type,
)

AWKWARD = ["a b.png", "Käffchen ☕.jpg", "100%.png", "%2F.png", "a#1?.png", "a/../b", "a//b", "/a", "a/", "+&=;", "\t"]
VALID_NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=200
).filter(lambda name: name not in {".", ".."} and not name.startswith(".well-known/"))


def read(path: bytes, query: bytes = b"") -> Address:
    return read_object_url(OBJECTS, path, query, buckets=("uploads", "results"))


def parsed(url: str) -> Address:
    parts = urlsplit(url)
    return read(parts.path.encode(), parts.query.encode())


@pytest.mark.parametrize("name", AWKWARD)
def test_a_name_survives_its_own_url(name: str) -> None:
    assert parsed(object_url(OBJECTS, Address("uploads", name, 7))) == Address("uploads", name, 7)


@given(name=VALID_NAMES)
def test_every_name_that_cloud_storage_takes_survives_its_own_url(name: str) -> None:
    assert parsed(object_url(OBJECTS, Address("results", name))) == Address("results", name)


def test_slashes_in_a_name_are_escaped_so_that_a_browser_cannot_fold_dots() -> None:
    assert object_url(OBJECTS, Address("uploads", "a/../b")) == "/api/objects/uploads/a%2F..%2Fb"


def test_plain_slashes_in_a_path_belong_to_the_name() -> None:
    assert read(b"/api/objects/results/v1/uploads/a%252F/7/x.json").name == "v1/uploads/a%2F/7/x.json"


@pytest.mark.parametrize("bucket", ["secrets", "work", "", "..", "uploads%2F", "Uploads"])
def test_other_buckets_are_not_there(bucket: str) -> None:
    with pytest.raises(ApiError, match="Expected one of the buckets uploads, results,") as refused:
        read(f"/api/objects/{bucket}/a".encode())
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (b"/api/objects/uploads/", b""),
        (b"/api/objects/uploads/..", b""),
        (b"/api/objects/uploads/%FF", b""),
        (b"/api/objects/uploads/a%0Ab", b""),
        (b"/api/objects/uploads/a", b"generation=x"),
        (b"/api/objects/uploads/a", b"generation=-1"),
        (b"/api/objects/uploads/a", b"generation=%D9%A7"),
    ],
)
def test_what_names_no_object_is_a_bad_request(path: bytes, query: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        read(path, query)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        ("image/png", "image/png"),
        ("IMAGE/JPEG; charset=binary", "image/jpeg"),
        ("image/svg+xml", "image/svg+xml"),
        (None, "application/octet-stream"),
        ("", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("text/html\r\nX: y", "application/octet-stream"),
    ],
)
def test_an_upload_is_stored_with_the_type_that_the_browser_says(declared: str | None, stored: str) -> None:
    assert upload_type(declared) == stored


@pytest.mark.parametrize("stored", ["text/html", "image/svg+xml", "text/javascript", "application/xhtml+xml", None])
def test_what_could_hold_a_script_is_never_shown_as_such(stored: str | None) -> None:
    assert shown_type(stored) == "application/octet-stream"


@pytest.mark.parametrize("stored", ["image/png", "image/heic", "application/json"])
def test_pictures_and_documents_are_shown_as_what_they_are(stored: str) -> None:
    assert shown_type(stored) == stored
